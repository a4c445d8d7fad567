// One load by several processes at once: their results, merged exactly.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "clients/load.hpp"

namespace echolab {

/// One `echo_load --json`, read back.
struct LoadRecord {
  std::string file;
  nlohmann::json plan_row;  ///< "plan", members that are not known here included
  LoadPlan plan;
  LoadResult result;
  Judgement judgement;
  double started_unix_seconds = 0;  ///< when the window began, since the epoch
};

/// The record that `text` is. Throws UsageError naming `file` and the member that is
/// missing, of another kind, out of its range, or that the others contradict.
LoadRecord load_from_json(const std::string& file, const std::string& text);

/// Of simultaneous loads of like plans: counts, errors and histograms are added, the
/// window is the longest, the rate the sum of the rates. No verdict gets better: the
/// worst of the parts holds, else what the sum is worth.
struct MergedLoad {
  LoadPlan plan;  ///< connections, threads and requests of all; the first one's server
  LoadResult result;
  Judgement judgement;
  double started_unix_seconds = 0;  ///< the first one
  nlohmann::json row;               ///< as echo_load --json has it, with "merged_from"
  std::string table;
};

/// Throws UsageError when a file is given twice or cannot be read, or when plans differ
/// in more than seed, server, connections and part: names the member.
MergedLoad merge_loads(const std::vector<std::string>& files);

}  // namespace echolab
