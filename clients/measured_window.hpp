// MeasuredWindow: what a load thread counts between two moments.
#pragma once

#include <cstdint>
#include <ctime>

#include "clients/load.hpp"

namespace echolab {

/// Of one thread, which calls begin() and end(): the CPU time is its own. It ends by
/// itself with the last request of a quota.
class MeasuredWindow {
 public:
  /// `quota`: requests to count; 0: no end.
  explicit MeasuredWindow(std::uint64_t quota) : quota_(quota) {}

  static std::int64_t clock_ns(clockid_t clock = CLOCK_MONOTONIC) {
    timespec now{};
    ::clock_gettime(clock, &now);
    return now.tv_sec * 1'000'000'000 + now.tv_nsec;
  }

  void begin() {
    begin_ns_ = clock_ns();
    cpu_begin_ns_ = clock_ns(CLOCK_THREAD_CPUTIME_ID);
  }
  /// Once it has begun; only the first end counts.
  void end() {
    if (!is_open()) return;
    end_ns_ = clock_ns();
    cpu_end_ns_ = clock_ns(CLOCK_THREAD_CPUTIME_ID);
  }
  [[nodiscard]] bool is_open() const { return begin_ns_ != 0 && end_ns_ == 0; }
  [[nodiscard]] bool quota_met() const { return quota_ > 0 && counted_ == quota_; }

  /// A verified request, while it is open.
  void count(std::int64_t latency_ns) {
    latency_.record(latency_ns);
    ++counted_;
    if (quota_met()) end();
  }

  void add_to(LoadResult& result) const {
    result.latency.merge(latency_);
    result.requests += counted_;
    result.client_cpu_ns += static_cast<double>(cpu_end_ns_ - cpu_begin_ns_);
    result.seconds =
        std::max(result.seconds, static_cast<double>(end_ns_ - begin_ns_) / 1e9);
  }

 private:
  const std::uint64_t quota_;
  Histogram latency_;
  std::uint64_t counted_ = 0;
  std::int64_t begin_ns_ = 0;
  std::int64_t end_ns_ = 0;
  std::int64_t cpu_begin_ns_ = 0;
  std::int64_t cpu_end_ns_ = 0;
};

}  // namespace echolab
