// What a search for the highest rate found, for people and for machines.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "clients/latency_promise.hpp"
#include "clients/load.hpp"
#include "clients/rate_search.hpp"
#include "common/error.hpp"

namespace echolab {

/// One load of a search.
struct SearchTrial {
  RateTrial asked;
  Outcome outcome = Outcome::kept;
  std::vector<std::optional<double>> figures_ns;  ///< of the promise's clauses
  Judgement judgement;
  nlohmann::json row;  ///< load_row(); null when there was no load
};

struct SearchRecord {
  LoadPlan plan;  ///< as every trial has it, but for rate and duration
  LatencyPromise promise{};
  RateSearchPlan search{};
  std::vector<SearchTrial> trials{};
  RateAnswer answer{};
  bool interrupted = false;
};

/// What a load says of the promise. A client that was late makes responses longer, never
/// shorter: what it kept is kept. What it broke may be the client's doing, even where the
/// verdict finds its lag excused by the machine's clock.
Outcome outcome_of(const LatencyPromise& promise, const LoadResult& result,
                   const Judgement& judgement);

/// "kept", "broken", "n too small", or as the verdict is called: "OVERLOADED", …
std::string_view outcome_text(Outcome outcome);

/// "p99<2ms holds up to 3.21k requests/s, and no longer at 3.35k": one sentence that
/// claims no more than is known.
std::string answer_text(const SearchRecord& record);

/// A line for each trial and the answer, for a terminal.
std::string search_table(const SearchRecord& record);
/// One object: the answer, and every trial with its row.
nlohmann::json search_json(const SearchRecord& record);
/// A header, and a line for each trial that had a load: load_csv() and what was asked.
std::string search_csv(const SearchRecord& record);

/// 0 for an interval, whichever way the promise broke at its upper end; 5 when the client
/// was the limit; 6 when trials contradict each other, come to no end or have too few
/// responses; 9 when no rate kept the promise; the verdict's own when a trial failed; 130
/// when interrupted.
ExitCode exit_code_of(const SearchRecord& record);

}  // namespace echolab
