// The probes of noise see what was done to them.

#include "clients/noise.hpp"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/time.h>

#include <chrono>
#include <csignal>
#include <ctime>

#include "common/machine.hpp"

namespace echolab {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

TEST(SleepLateness, has_one_value_a_deadline_and_none_is_early) {
  const auto begin = Clock::now();
  const Histogram lateness = sleep_lateness_ns(40, 500us);
  EXPECT_GE(Clock::now() - begin, 40 * 500us);
  EXPECT_EQ(lateness.count(), 40u);
}

TEST(SleepLateness, has_a_p99_unless_told_otherwise) {
  EXPECT_TRUE(sleep_lateness_ns().quantile_ns(0.99).has_value());
}

TEST(SleepLateness, leaves_the_timer_slack_as_it_was) {
  const int before = ::prctl(PR_GET_TIMERSLACK);
  ::prctl(PR_SET_TIMERSLACK, 12'345);
  sleep_lateness_ns(3, 100us);
  EXPECT_EQ(::prctl(PR_GET_TIMERSLACK), 12'345);
  ::prctl(PR_SET_TIMERSLACK, before);
}

/// Holds up the thread that it interrupts.
void stall(int) {
  const timespec pause{.tv_sec = 0, .tv_nsec = 30'000'000};
  ::nanosleep(&pause, nullptr);
}

// The timer fires 20 ms after the start, the probe takes 100 ms at least: whatever else
// the machine does, 30 deadlines lie in the stall, and 20 of them 10 ms before its end.
TEST(SleepLateness, of_a_stalled_thread_has_all_deadlines_that_it_missed) {
  struct sigaction before {};
  struct sigaction action {};
  action.sa_handler = stall;
  ASSERT_EQ(::sigaction(SIGALRM, &action, &before), 0);
  const itimerval once{.it_interval = {}, .it_value = {.tv_sec = 0, .tv_usec = 20'000}};
  ASSERT_EQ(::setitimer(ITIMER_REAL, &once, nullptr), 0);
  const Histogram lateness = sleep_lateness_ns(100, 1ms);
  ASSERT_EQ(::sigaction(SIGALRM, &before, nullptr), 0);
  std::uint64_t late = 0;
  for (const auto& bucket : lateness.non_empty())
    if (bucket.lower_ns >= 9'900'000) late += bucket.count;
  EXPECT_EQ(lateness.count(), 100u);
  EXPECT_GE(late, 19u);
}

TEST(StolenTime, never_goes_back) {
  const double before = stolen_seconds();
  EXPECT_GE(before, 0);
  EXPECT_GE(stolen_seconds(), before);
}

}  // namespace
}  // namespace echolab
