// What a load found, for people and for machines.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "clients/load.hpp"
#include "common/error.hpp"

namespace echolab {

/// The members "seconds" … "client" of one row of trials.jsonl (results/README.md).
nlohmann::json load_json(const LoadPlan& plan, const LoadResult& result);

/// What was asked: the resolved configuration.
nlohmann::json plan_json(const LoadPlan& plan);

/// A table for a terminal, verdict last.
std::string load_table(const LoadPlan& plan, const LoadResult& result);

/// "3 of 1000 lost (0.3 %)".
std::string lost_text(const DatagramCounts& datagrams);

/// 0 when valid, else as UX-19's table has it.
ExitCode exit_code_of(Verdict verdict);

}  // namespace echolab
