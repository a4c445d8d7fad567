// When the requests of an open loop are due: one process of arrivals, shared by threads
// and hosts without a word between them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "clients/arrivals.hpp"
#include "clients/draw.hpp"

namespace echolab {

/// The moments of a plan in ns since the load's begin, ascending (some may be equal), and
/// never ending, but for a replay. Arrivals are numbered from 0, and this schedule has
/// those whose number leaves the remainder `stripe` when divided by `stripes`: all
/// stripes of one seed are one process. The fixed law's number k is due at k/rate, to the
/// nanosecond for whole rates up to 5 M/s; other laws begin with a gap.
///
/// Gaps of mean 1 are summed, and a moment is where the integral of the rate over time
/// reaches the sum (the time change of a renewal process; for Poisson: Çinlar 1975). Time
/// is cut in pieces of a second or less, each with a sum of its own, so that nothing is
/// lost however long the load goes on. Nothing is allocated after the constructor. Each
/// thread has its own; copies continue alike.
class Schedule {
 public:
  /// Throws std::invalid_argument for a plan without a positive rate.
  Schedule(const ArrivalPlan& plan, std::uint64_t seed, std::size_t stripe = 0,
           std::size_t stripes = 1);

  /// The next moment; empty when a replay has ended.
  [[nodiscard]] std::optional<std::int64_t> peek() const { return next_ns_; }
  /// Goes on to the moment after it. Does nothing when there is none.
  void pop();
  /// How many were passed.
  [[nodiscard]] std::uint64_t popped() const { return popped_; }

 private:
  /// A stretch of time in which the rate is linear.
  struct Piece {
    std::int64_t begin_ns = 0;
    std::int64_t length_ns = 0;
    double rate_begin = 0;  ///< per second
    double rate_end = 0;

    [[nodiscard]] double seconds() const { return static_cast<double>(length_ns) / 1e9; }
    /// Arrivals expected in all of it.
    [[nodiscard]] double expected() const {
      return (rate_begin + rate_end) / 2 * seconds();
    }
  };

  [[nodiscard]] Piece piece_at(std::int64_t begin_ns) const;
  [[nodiscard]] double gap();
  /// Passes `arrivals` of the process.
  void pass(std::size_t arrivals);
  [[nodiscard]] std::int64_t moment_ns() const;

  ArrivalPlan plan_;
  double shape_;  ///< of gamma gaps
  std::size_t stripes_;
  Draw draw_;
  Piece piece_;
  double expected_;   ///< in piece_
  double since_ = 0;  ///< expected arrivals from the piece's begin to the next moment
  std::size_t index_ = 0;  ///< replay: of the next moment
  std::optional<std::int64_t> next_ns_;
  std::uint64_t popped_ = 0;
};

}  // namespace echolab
