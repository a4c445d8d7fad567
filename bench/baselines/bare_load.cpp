// bare_load: the closed loop as one would write it for speed alone.
//
// epoll_wait, recv, send; it looks at no byte that comes back and keeps no time. What
// echo_load spends beyond this is the price of verifying and measuring. Prints one JSON
// object: {"requests": …, "seconds": …, "cpu_ns_per_request": …}.

#include <fmt/format.h>
#include <sys/epoll.h>

#include <CLI/CLI.hpp>
#include <array>
#include <ctime>
#include <vector>

#include "common/drive.hpp"
#include "common/program.hpp"

namespace echolab {
namespace {

std::int64_t clock_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

struct Connection {
  Fd fd;
  std::size_t got = 0;
};

struct Load {
  Endpoint server = Endpoint::parse("tcp://127.0.0.1:7007");
  std::uint64_t connections = 16;
  std::uint64_t size = 64;
  Nanoseconds warm_up = std::chrono::milliseconds(300);
  Nanoseconds duration = std::chrono::seconds(1);
};

/// Serves events until `end_ns`; returns how many whole replies came.
std::uint64_t turn_until(std::int64_t end_ns, const Fd& epoll,
                         const std::vector<std::byte>& ask,
                         std::vector<std::byte>& memory) {
  std::uint64_t replies = 0;
  std::array<epoll_event, 512> events;
  while (clock_ns(CLOCK_MONOTONIC) < end_ns) {
    const int ready = ::epoll_wait(epoll.get(), events.data(), events.size(), 10);
    for (int i = 0; i < ready; ++i) {
      auto* one = static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
      const ssize_t n = receive(one->fd.get(), memory);
      if (n <= 0) throw Failure(ExitCode::failure, "the server closed a connection");
      one->got += static_cast<std::size_t>(n);
      if (one->got < ask.size()) continue;
      one->got = 0;
      ++replies;
      if (transmit(one->fd.get(), ask) != static_cast<ssize_t>(ask.size()))
        throw Failure(ExitCode::failure, "a send was cut short");
    }
  }
  return replies;
}

ExitCode run(const Load& load) {
  raise_descriptor_limit(load.connections + 16);
  const Fd epoll(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1"));
  const std::vector<std::byte> ask(load.size, std::byte{'x'});
  std::vector<std::byte> memory(64 * 1024);
  std::vector<Connection> connections(load.connections);
  for (Connection& one : connections) {
    one.fd = connect_to(load.server);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &one;
    checked(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, one.fd.get(), &event), "epoll_ctl");
    transmit(one.fd.get(), ask);
  }
  turn_until(clock_ns(CLOCK_MONOTONIC) + load.warm_up.count(), epoll, ask, memory);
  const std::int64_t begin = clock_ns(CLOCK_MONOTONIC);
  const std::int64_t cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
  const std::uint64_t replies =
      turn_until(begin + load.duration.count(), epoll, ask, memory);
  const std::int64_t used = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
  const std::int64_t past = clock_ns(CLOCK_MONOTONIC) - begin;
  fmt::print(
      "{{\"requests\": {}, \"seconds\": {:.6f}, \"cpu_ns_per_request\": {:.1f}}}\n",
      replies, static_cast<double>(past) / 1e9,
      static_cast<double>(used) / static_cast<double>(replies));
  return ExitCode::ok;
}

ExitCode start(int argc, char** argv) {
  using namespace std::chrono_literals;
  Load load;
  CLI::App parser("A closed loop that verifies and measures nothing.", "bare_load");
  set_up_parser(parser, "");
  add_endpoint(parser, "server", load.server, "endpoint of the server");
  add_count(parser, "-c,--connections", load.connections, "connections", 1, 20'000);
  add_bytes(parser, "-s,--size", load.size, "bytes of a request", 1, 16 << 10);
  add_duration(parser, "-w,--warm-up", load.warm_up, "not counted", 0s, 1min);
  add_duration(parser, "-d,--duration", load.duration, "counted", 1ms, 1h);
  return parse_command_line(parser, argc, argv) ? run(load) : ExitCode::ok;
}

}  // namespace
}  // namespace echolab

int main(int argc, char** argv) {
  return echolab::run_program("bare_load", [&] { return echolab::start(argc, argv); });
}
