// The plan of a campaign, from what echo_compare was asked.
#pragma once

#include <string>
#include <vector>

#include "bench/compare_options.hpp"

namespace echolab {

/// Fills in what was not given from experiment and preset. Throws UsageError for what
/// does not fit together; Failure (unavailable) when none of the models can run here.
/// Returns what had to be left out, in sentences.
std::vector<std::string> complete(CompareOptions& options, const CLI::App& parser);

}  // namespace echolab
