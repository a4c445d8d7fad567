// The levels of an experiment: how they are typed, and the load that each of them is.
#pragma once

#include <string_view>
#include <vector>

#include "bench/experiment.hpp"

namespace echolab {

/// `--at` of an experiment: "0,1ms,10ms" as numbers on its axis, ascending, each once.
/// Throws UsageError that names `option`.
std::vector<double> parse_levels(const Experiment& experiment, std::string_view option,
                                 std::string_view text);

/// The level of that place, for such loads.
Level level_at(const Experiment& experiment, double at, const LoadPlan& load);

}  // namespace echolab
