// The doctor: what this machine can measure, what stands in the way, and what to do.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "bench/machine_checks.hpp"

namespace echolab {

/// Looks at processors, limits, kernel and tools, and tries what is better tried. Changes
/// nothing. Takes some 0.1 s; programs that do not end are given 5 s each.
std::vector<Finding> examine_machine(const Demand& demand = {},
                                     const Machine& machine = {});

/// Nothing is missing.
bool is_fit(const std::vector<Finding>& findings);

/// One line each that lines up, meaning and remedy below; states in colour if wanted. The
/// last line says whether "every default campaign", say, can be run.
std::string findings_text(const std::vector<Finding>& findings, bool colour,
                          const std::string& campaign);
nlohmann::json findings_json(const std::vector<Finding>& findings);

}  // namespace echolab
