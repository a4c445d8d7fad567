// bare_sleeper: an open loop that sends nothing.
//
// It sleeps to the moments of echo_load's own schedule, as echo_load does (epoll_pwait2),
// and notes how late it woke: what this machine lets no generator do better. Prints one
// JSON object: {"deadlines": …, "late_ns": {"p50": …, "p99": …, "max": …}}.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>

#include "clients/arrivals.hpp"
#include "clients/histogram.hpp"
#include "clients/load_clock.hpp"
#include "clients/schedule.hpp"
#include "common/program.hpp"

namespace echolab {
namespace {

/// How late each moment of the first `length` was met.
Histogram lateness_ns(Schedule schedule, Nanoseconds length) {
  wake_in_time();
  const Fd epoll(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1"));
  std::array<epoll_event, 1> none{};
  Histogram late;
  const std::int64_t begin = clock_ns();
  for (; schedule.peek().value_or(never_ns) < length.count(); schedule.pop()) {
    const std::int64_t moment = begin + *schedule.peek();
    std::int64_t now = clock_ns();
    for (; now < moment; now = clock_ns())
      wait_for_events(epoll.get(), none, moment - now);
    late.record(now - moment);
  }
  return late;
}

ExitCode start(int argc, char** argv) {
  using namespace std::chrono_literals;
  ArrivalOptions options;
  Nanoseconds duration = 1s;
  std::uint64_t seed = 1;
  CLI::App parser("Sleeps to the moments of a schedule, and says how late it woke.",
                  "bare_sleeper");
  set_up_parser(parser, "");
  parser.add_option("-R,--rate", options.rate, "moments per second, as echo_load's")
      ->required();
  parser.add_option("--arrivals", options.arrivals, "fixed, poisson or gamma:CV");
  add_count(parser, "--seed", seed, "of the schedule", 0, ~std::uint64_t{0});
  add_duration(parser, "-d,--duration", duration, "how long", 1ms, 1h);
  if (!parse_command_line(parser, argc, argv)) return ExitCode::ok;
  const Histogram late = lateness_ns(Schedule(parse_arrivals(options), seed), duration);
  fmt::print(
      "{{\"deadlines\": {}, \"late_ns\": {{\"p50\": {}, \"p99\": {}, \"max\": {}}}}}\n",
      late.count(), late.quantile_ns(0.5).value_or(0), late.quantile_ns(0.99).value_or(0),
      late.max_ns());
  return ExitCode::ok;
}

}  // namespace
}  // namespace echolab

int main(int argc, char** argv) {
  return echolab::run_program("bare_sleeper", [&] { return echolab::start(argc, argv); });
}
