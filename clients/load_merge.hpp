// One load by several processes at once: their results, merged exactly.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "clients/load.hpp"
#include "clients/load_record.hpp"

namespace echolab {

/// Of simultaneous loads of like plans: counts, errors and histograms are added, class by
/// class, the window is the longest, the rate the sum of the rates. No verdict gets
/// better: the worst of the parts holds, else what the sum is worth; and every warning of
/// a part stays. Not added: noise and the ceiling, which are of one process and machine,
/// and intervals, which are in files of their own.
struct MergedLoad {
  LoadPlan plan;  ///< connections, threads and requests of all; the first one's server
  LoadResult result;
  Judgement judgement;
  double started_unix_seconds = 0;  ///< the first one
  nlohmann::json row;               ///< as echo_load --json has it, with "merged_from"
  std::string table;
};

/// Throws UsageError when a file is given twice or cannot be read, when plans or classes
/// differ in more than seed, server, connections and part, or when two files have the
/// same part: names the member.
MergedLoad merge_loads(const std::vector<std::string>& files);

}  // namespace echolab
