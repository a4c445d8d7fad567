// How the requests of an open loop come: as it is asked for, and said.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace echolab {

/// The law of the gaps between arrivals, times a rate that may change over time. Either a
/// ramp or bursts, not both.
struct ArrivalPlan {
  enum class Law { fixed, poisson, gamma };
  Law law = Law::poisson;
  double cv = 1;        ///< gamma: coefficient of variation of the gaps, 0.1 … 10
  double rate = 0;      ///< requests/s in all threads together; ramp: at its begin
  double rate_end = 0;  ///< ramp: at its end, and after it; 0: no ramp
  std::int64_t ramp_begin_ns = 0;  ///< since the load's begin: where the window begins
  std::int64_t ramp_ns = 0;        ///< how long the rate changes, linearly
  std::int64_t on_ns = 0;          ///< bursts, from the load's begin; 0: none
  std::int64_t off_ns = 0;         ///< silence after each; `rate` is the mean over both
  /// Moments in ns since the load's begin, ascending; in place of all the above.
  std::shared_ptr<const std::vector<std::int64_t>> replay;

  /// "poisson, 10.0k requests/s".
  [[nodiscard]] std::string text() const;
};

/// The options of an open loop as they were given; empty: not given.
struct ArrivalOptions {
  std::string arrivals;  ///< --arrivals fixed, poisson (the default) or gamma:CV
  std::string rate;      ///< -R 10k, or -R 1k..10k for a ramp; 1 … 1G
  std::string on_off;    ///< --on-off 100ms/900ms; 1 us … 1 h each
  std::string replay;    ///< --replay FILE: alone
};

/// Throws UsageError that names the option (and the file's line) and what would be right.
/// Where a ramp lies is for the caller to say: ramp_begin_ns, ramp_ns.
ArrivalPlan parse_arrivals(const ArrivalOptions& options);

}  // namespace echolab
