// The search for the highest rate at which a promise holds: what to try next, and what is
// known.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

#include "common/units.hpp"

namespace echolab {

/// What a trial at some rate showed.
enum class Outcome {
  kept,          ///< the promise
  broken,        ///< by its limits
  overloaded,    ///< broken as well: replies do not keep up with arrivals at all
  client_bound,  ///< broken, and by the client perhaps: nobody knows
  noisy,         ///< broken, and by the machine's noise perhaps
  too_few,       ///< responses, to tell
  failed         ///< errors, wrong bytes: there is no use in going on
};

struct RateSearchPlan {
  double start = 1'000;     ///< requests/s
  double least = 1;         ///< no rate below is tried …
  double most = 1e9;        ///< … and none above
  double precision = 0.05;  ///< ends are so near, as a share; 0.02 …
  Nanoseconds brief = std::chrono::seconds(1);      ///< a trial that seeks
  Nanoseconds duration = std::chrono::seconds(10);  ///< one that confirms
  Nanoseconds longest =
      std::chrono::seconds(20);  ///< … and one at a low rate; ≥ duration
  std::uint64_t samples = 368;   ///< responses that a trial has to have
  std::size_t most_trials = 100;
  Nanoseconds budget = std::chrono::minutes(4);  ///< of all trials' lengths together
  std::size_t most_contradictions = 4;           ///< of brief trials by confirming ones
};

struct RateTrial {
  enum class Purpose { grow, shrink, narrow, confirm };
  Purpose purpose = Purpose::grow;
  double rate = 0;  ///< requests/s, three digits
  Nanoseconds length{0};
};

struct RateAnswer {
  enum class Kind {
    unfinished,  ///< so far
    interval,    ///< both ends are confirmed, and as near as was wanted
    at_least,    ///< the upper end is the client's, or `most`: the server may do more
    none_kept,   ///< the lowest rate that can be tried broke it
    noisy,       ///< trials contradict each other; the ends are the confirmed ones
    spent,       ///< the budget is; the ends are the confirmed ones
    too_few,     ///< responses in the longest trial, to tell
    failed
  };
  struct End {
    double rate = 0;
    Outcome outcome = Outcome::kept;
    bool confirmed = false;
    std::size_t trial = 0;  ///< the number of the trial that says so, from 1
    bool in_doubt = false;  ///< now kept, now not: never an end of the answer
  };
  Kind kind = Kind::unfinished;
  std::optional<End> kept;    ///< the highest rate that is taken for kept
  std::optional<End> broken;  ///< the lowest that is taken for not kept; above `kept`
  bool doubts = false;        ///< whether there are rates between them that are in doubt
};

/// Rates are doubled (or halved) until the promise breaks (or holds), then halved in
/// logarithms by brief trials, and both ends are confirmed by trials of full length. A
/// stall of the machine, or a burst of arrivals, breaks a promise for once: a brief trial
/// that breaks it is believed when it does so twice in a row, unless a low rate makes it
/// long. A confirming trial that contradicts is done again: if it contradicts once more,
/// it is right, and its end moves; else the rate is in doubt, and the ends move apart. So
/// the answer is as wide as the doubts are. No clock, no I/O, no chance.
class RateSearch {
 public:
  /// `start` is brought between the least rate and the most; the least one is raised to
  /// where the longest trial has enough samples.
  explicit RateSearch(const RateSearchPlan& plan);

  /// Empty when the search has ended. The same until tell().
  [[nodiscard]] std::optional<RateTrial> next() const;
  /// What the trial of next() showed.
  void tell(Outcome outcome);

  [[nodiscard]] RateAnswer answer() const;
  [[nodiscard]] const RateSearchPlan& plan() const { return plan_; }

 private:
  using End = RateAnswer::End;
  using Kind = RateAnswer::Kind;
  [[nodiscard]] const End* highest_kept() const;
  [[nodiscard]] const End* lowest_broken() const;
  [[nodiscard]] const End* lowest_doubt() const;
  [[nodiscard]] const End* highest_doubt() const;
  [[nodiscard]] RateTrial trial(RateTrial::Purpose purpose, double rate) const;
  [[nodiscard]] std::optional<RateTrial> narrow(const End* low, const End* high) const;
  [[nodiscard]] std::optional<RateTrial> choose() const;
  [[nodiscard]] bool is_in_doubt(const RateTrial& now, Outcome outcome) const;
  [[nodiscard]] bool is_to_be_repeated(const RateTrial& now, Outcome outcome) const;
  void believe(const RateTrial& now, Outcome outcome);
  [[nodiscard]] Kind ended_kind() const;
  [[nodiscard]] bool is_spent() const;

  RateSearchPlan plan_;
  std::map<double, End> known_;  ///< by rate: kept, then in doubt, then broken
  std::optional<RateTrial> next_;
  std::size_t trials_ = 0;
  Nanoseconds past_{0};  ///< the trials' lengths
  std::size_t contradictions_ = 0;
  bool contradicted_ = false;  ///< next_ confirms, and has contradicted once
  bool repeated_ = false;      ///< next_ was told once already
  double stretch_ = 1;         ///< of trials that had too few samples
  std::optional<Kind> gave_up_;
};

}  // namespace echolab
