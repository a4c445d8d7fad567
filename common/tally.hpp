// Tally: counts what went wrong, and says so seldom enough to be read.
#pragma once

#include <atomic>
#include <ctime>
#include <optional>

namespace echolab {

/// Any thread may add; in Shared memory, any process that shares it.
class Tally {
 public:
  /// One more. The count so far where it is time to say it: once a second at most.
  std::optional<unsigned long> add() {
    const auto count = count_.fetch_add(1, std::memory_order_relaxed) + 1;
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    long last = last_said_s_.load(std::memory_order_relaxed);
    const bool said =
        now.tv_sec == last || !last_said_s_.compare_exchange_strong(last, now.tv_sec);
    return said ? std::nullopt : std::optional(count);
  }

 private:
  std::atomic<unsigned long> count_{0};
  std::atomic<long> last_said_s_{0};
};

}  // namespace echolab
