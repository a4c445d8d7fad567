// What a load found, for people and for machines.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "clients/load.hpp"
#include "common/error.hpp"

namespace echolab {

/// {"n", "sum", "mean", "min", "p50", …, "max", "overflow"} in ns; a quantile that too
/// few values support is null.
nlohmann::json times_json(const Histogram& times);

/// "3 reset, 12 lost replies (3 truncated)": what is not 0; empty: there were none.
std::string errors_in_words(const LoadErrors& errors);

/// What was intended in the window and has no reply; a closed loop intends nothing.
std::uint64_t without_reply(const LoadResult& result);

/// The members "seconds" … "client" of one row of trials.jsonl (results/README.md).
nlohmann::json load_json(const LoadPlan& plan, const LoadResult& result);

/// What was asked: the resolved configuration.
nlohmann::json plan_json(const LoadPlan& plan);

/// "schema_version" of load_row.
constexpr std::uint64_t load_schema_version = 1;

/// All that echo_load --json prints. `started_unix_seconds`: when the window began, since
/// the epoch.
nlohmann::json load_row(const LoadPlan& plan, const LoadResult& result,
                        const Judgement& judgement, double started_unix_seconds);

/// A table for a terminal, verdict last.
std::string load_table(const LoadPlan& plan, const LoadResult& result,
                       const Judgement& judgement);
inline std::string load_table(const LoadPlan& plan, const LoadResult& result) {
  return load_table(plan, result, judge(plan, result));
}

/// "3 of 1000 lost (0.3 %)".
std::string lost_text(const DatagramCounts& datagrams);

/// 0 when valid, else as UX-19's table has it.
ExitCode exit_code_of(Verdict verdict);

}  // namespace echolab
