#include "clients/noise.hpp"

#include <sys/prctl.h>

#include <cerrno>
#include <ctime>

namespace echolab {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * second_ns + now.tv_nsec;
}

void sleep_until(std::int64_t moment_ns) {
  const timespec moment{.tv_sec = moment_ns / second_ns,
                        .tv_nsec = moment_ns % second_ns};
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &moment, nullptr) == EINTR) {
  }
}

/// The calling thread's, until the end of this object.
class LeastTimerSlack {
 public:
  LeastTimerSlack() : before_(::prctl(PR_GET_TIMERSLACK)) {
    ::prctl(PR_SET_TIMERSLACK, 1);
  }
  LeastTimerSlack(const LeastTimerSlack&) = delete;
  LeastTimerSlack& operator=(const LeastTimerSlack&) = delete;
  ~LeastTimerSlack() {
    if (before_ > 0) ::prctl(PR_SET_TIMERSLACK, before_);  // 0 would mean the default
  }

 private:
  int before_;
};

}  // namespace

Histogram sleep_lateness_ns(std::size_t deadlines, Nanoseconds apart) {
  const LeastTimerSlack least;
  Histogram lateness;
  std::int64_t deadline_ns = now_ns();
  for (std::size_t i = 0; i < deadlines; ++i) {
    deadline_ns += apart.count();
    sleep_until(deadline_ns);
    lateness.record(now_ns() - deadline_ns);
  }
  return lateness;
}

}  // namespace echolab
