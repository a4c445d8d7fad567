// A result that `echo_load --json` printed, read back.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "clients/load.hpp"

namespace echolab {

/// One `echo_load --json`, read back.
struct LoadRecord {
  std::string file;
  nlohmann::json row;  ///< as it was printed, members that are not known here included
  LoadPlan plan;
  LoadResult result;  ///< without noise, which is one process's own
  Judgement judgement;
  double started_unix_seconds = 0;  ///< when the window began, since the epoch

  /// Of the population that leads (0), or of one of its company (1 …): its own row, with
  /// "plan" and "class".
  [[nodiscard]] const nlohmann::json& row_of(std::size_t population) const {
    return population == 0 ? row : row.at("classes").at(population - 1);
  }
};

/// The record that `text` is. Throws UsageError naming `file` and the member that is
/// missing, of another kind, out of its range, or that the others contradict.
LoadRecord load_from_json(const std::string& file, const std::string& text);

}  // namespace echolab
