#include "common/labour.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <ctime>

#include "common/shared.hpp"
#include "common/tally.hpp"
#include "common/units.hpp"

namespace echolab {
namespace {

using std::chrono::nanoseconds;

constexpr long second_ns = 1'000'000'000;

nanoseconds now(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

/// About a microsecond of arithmetic that the compiler cannot do beforehand.
void burn() {
  std::uint64_t number = 1;
  for (int i = 0; i < 500; ++i) {
    number = number * 6364136223846793005 + 1442695040888963407;
    __asm__ volatile("" : "+r"(number));
  }
}

/// A server of many processes says it as seldom as one of many threads.
const Shared<Tally> refusals;

}  // namespace

// The clock is a system call of some 200 ns (clock_gettime(2): no vDSO has this one), so
// it is looked at once in a while; what that costs is part of the labour.
void Labour::compute(Time time) {
  if (time.count() == 0) return;
  const nanoseconds end = now(CLOCK_THREAD_CPUTIME_ID) + time;
  do burn();
  while (now(CLOCK_THREAD_CPUTIME_ID) < end);
}

// Until a moment, not for a time: a signal does not make it longer.
void Labour::block(Time time) {
  if (time.count() == 0) return;
  const nanoseconds end = now(CLOCK_MONOTONIC) + time;
  const timespec moment{.tv_sec = end.count() / second_ns,
                        .tv_nsec = end.count() % second_ns};
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &moment, nullptr) == EINTR) {
  }
}

void Labour::refused(const Refusal& refusal) {
  if (const auto count = refusals->add())
    fmt::print(stderr, "echo_server: refused {} so far; the last one: {}\n",
               *count == 1 ? "1 frame" : fmt::format("{} frames", *count),
               refusal_text(refusal));
}

std::string refusal_text(const Refusal& refusal) {
  const auto time = [](std::uint64_t us) {
    return show_duration(static_cast<double>(us) * 1e3);
  };
  switch (refusal.reason) {
    case Refusal::Reason::no_frame:
      return fmt::format("no frame, it begins with {:08x} instead of {:08x}",
                         refusal.given, refusal.limit);
    case Refusal::Reason::too_long:
      return fmt::format("{} bytes, --max-frame is {}", refusal.given, refusal.limit);
    case Refusal::Reason::too_much_work:
      return fmt::format("{} of work, --max-work is {}", time(refusal.given),
                         time(refusal.limit));
  }
  return "";
}

}  // namespace echolab
