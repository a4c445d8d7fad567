// The doctor: what this machine can measure, what stands in the way, and what to do.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace echolab {

struct Finding {
  /// `note`: it works, and the numbers are less than they seem, or a part is left out;
  /// `missing`: a campaign of the default size cannot be run, or means nothing.
  enum class State { ok, note, missing };

  std::string name;  ///< what was looked at, in two or three words
  State state;
  std::string found;   ///< what there is
  std::string remedy;  ///< what to do, in one line; empty where nothing is to be done
};

/// Looks at processors, limits, kernel and tools. Changes nothing; takes some 0.1 s.
std::vector<Finding> examine_machine();

/// Nothing is missing.
bool is_fit(const std::vector<Finding>& findings);

/// One line each that lines up, remedies below; states in colour if wanted.
std::string findings_text(const std::vector<Finding>& findings, bool colour);
nlohmann::json findings_json(const std::vector<Finding>& findings);

}  // namespace echolab
