// Series: how a trial went, an interval of its window at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "bench/process_tree.hpp"
#include "clients/intervals.hpp"
#include "common/units.hpp"

namespace echolab {

/// A twentieth of the window, but at least 50 ms: in less, a p99 has too few samples.
Nanoseconds series_interval(Nanoseconds window);

/// Replies by their response times, in parts of a quarter of an octave: bucket k has
/// those of 2^(k/4) ns up to 2^((k+1)/4) ns. Ascending, none empty.
std::vector<std::pair<int, std::uint64_t>> quarter_octaves(const Histogram& response);

/// What came in each interval, and what the server's tree had meanwhile. The latter is
/// looked at once an interval, from outside, and only where a look takes less than 1 % of
/// one: so it costs what is measured next to nothing.
class Series {
 public:
  /// `tree` as it is when the window begins; a process that is made in it is counted when
  /// it was reaped.
  Series(Nanoseconds interval, std::vector<pid_t> tree);

  /// The window begins in two ticks (LoadEvents::window_begins); `errors` so far.
  void begin(std::uint64_t errors);
  /// An interval has ended; `errors` so far.
  void add(const LoadInterval& interval, std::uint64_t errors);
  /// The window has ended; intervals that are added later have no look of their own.
  void end();

  /// The member "series" of a row (results/README.md); null when no interval came.
  [[nodiscard]] nlohmann::json json() const;

 private:
  /// Of an interval.
  struct Point {
    double begin_seconds;
    double end_seconds;
    std::uint64_t errors;
    nlohmann::json times;  ///< times_json
    std::vector<std::pair<int, std::uint64_t>> buckets;
  };
  /// What the tree had used, so long after the window's begin: on a line between looks.
  [[nodiscard]] double cpu_ns_at(double seconds) const;
  /// The first look so long after the window's begin or later; else the last one.
  [[nodiscard]] const TreeGlance& look_at(double seconds) const;
  [[nodiscard]] double seconds_of(const TreeGlance& look) const;

  const Nanoseconds interval_;
  const std::vector<pid_t> tree_;
  bool looks_ = true;
  bool is_over_ = false;
  std::uint64_t errors_ = 0;
  std::vector<TreeGlance> glances_;
  std::vector<Point> points_;
};

}  // namespace echolab
