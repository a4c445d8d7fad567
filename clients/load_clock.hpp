// The clock of a load, and how its threads wait: in nanoseconds.
#pragma once

#include <sys/epoll.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <limits>
#include <span>

#include "common/fd.hpp"

namespace echolab {

/// A moment that does not come.
inline constexpr std::int64_t never_ns = std::numeric_limits<std::int64_t>::max();
/// How soon a thread that has nothing to do sees a new phase.
inline constexpr std::int64_t tick_ns = 10'000'000;

/// Moments of a load are those of CLOCK_MONOTONIC.
inline std::int64_t clock_ns(clockid_t clock = CLOCK_MONOTONIC) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

/// The kernel may wake a thread 50 us late to save power; this one when it asked to be
/// (PR_SET_TIMERSLACK: prctl(2)).
inline void wake_in_time() {
  ::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
}

/// Waits for events for `patience_ns` at most; a part of `events`, perhaps an empty one.
inline std::span<epoll_event> wait_for_events(int epoll, std::span<epoll_event> events,
                                              std::int64_t patience_ns) {
  const std::int64_t ns = std::max<std::int64_t>(patience_ns, 0);
  const timespec patience{.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
  const int ready = ::epoll_pwait2(epoll, events.data(), static_cast<int>(events.size()),
                                   &patience, nullptr);
  if (ready < 0 && errno != EINTR) checked(ready, "epoll_pwait2");
  return events.first(static_cast<std::size_t>(std::max(ready, 0)));
}

}  // namespace echolab
