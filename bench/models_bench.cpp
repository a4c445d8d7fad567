// models_bench: every row of models.def as Google Benchmarks, for those who know its
// flags and tools.
//
//   round_trip/MODEL          one client, one request at a time
//   connect_echo_close/MODEL  a connection for each request (datagrams: a socket)
//   throughput/MODEL/CLIENTS  a closed loop; an iteration is one window of load
//
// The server is a process of its own, as in echo_compare, on the first half of the cores;
// what is timed runs on the other half. Time is manual: a round trip's is the client's
// wall clock, a throughput's is the window over its requests.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "bench/topology.hpp"
#include "bench/trial.hpp"
#include "clients/echo_caller.hpp"
#include "common/affinity.hpp"
#include "common/buffer.hpp"
#include "common/drive.hpp"
#include "common/machine.hpp"
#include "common/program.hpp"
#include "servers/availability.hpp"
#include "servers/models.hpp"

namespace echolab {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t payload_bytes = 64;

/// Of the CPUs of this process as it started.
const Sides& cpus() {
  static const Sides halves = halves_of(topology_of(allowed_cpus(), MachineFiles()));
  return halves;
}

Start start_of_server() {
  return {.listen = Endpoint::parse("tcp://127.0.0.1:0"),
          .cpus = cpus().server,
          .arguments = {}};
}

/// One verified request on a connection of its own or a lasting one.
bool echo_once(int fd, EchoCaller& caller) {
  const std::uint64_t goal = caller.verified() + payload_bytes;
  caller.ask(payload_bytes);
  while (caller.verified() < goal) {
    if (flush(fd, caller) == Next::closed) return false;
    const ssize_t n = receive(fd, caller.input());
    if (n <= 0) return false;
    caller.received(static_cast<std::size_t>(n));
    if (caller.wrong()) return false;
  }
  return true;
}

/// A datagram may be lost: then its benchmark ends, and does not wait for ever.
void wait_a_second_at_most(const Fd& fd) {
  const timeval limit{.tv_sec = 1, .tv_usec = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

bool ends_in_order(const Fd& fd, Room room) {
  ::shutdown(fd.get(), SHUT_WR);
  return receive(fd.get(), room) == 0;
}

/// What the tables of models_bench show beside the time.
class Counters {
 public:
  explicit Counters(const RunningServer& server)
      : server_(server), before_(use_of(tree_of(server.root()))) {}

  void count(double ns) { latency_.record(static_cast<std::int64_t>(ns)); }
  void report(benchmark::State& state) const {
    const auto requests = static_cast<double>(latency_.count());
    const TreeUse after = use_of(tree_of(server_.root()));
    state.SetItemsProcessed(static_cast<std::int64_t>(latency_.count()));
    state.counters["p50_ns"] = static_cast<double>(latency_.quantile_ns(0.5).value_or(0));
    state.counters["p99_ns"] =
        static_cast<double>(latency_.quantile_ns(0.99).value_or(0));
    if (requests > 0)
      state.counters["server_cpu_ns"] = (after.cpu_ns - before_.cpu_ns) / requests;
  }

 private:
  const RunningServer& server_;
  TreeUse before_;
  Histogram latency_;
};

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

void round_trip(benchmark::State& state, const Model& model) {
  const RunningServer server(model_contestant(model.name), start_of_server());
  const Pattern pattern(1);
  const Buffer memory(4096);
  EchoCaller caller(pattern, 0, memory.room());
  const Fd fd = connect_to(server.endpoint());
  if (server.endpoint().is_datagram()) wait_a_second_at_most(fd);
  Counters counters(server);
  for (auto _ : state) {
    const auto begin = Clock::now();
    if (!echo_once(fd.get(), caller))
      return state.SkipWithError("a reply was wrong or lost");
    const double seconds = seconds_since(begin);
    state.SetIterationTime(seconds);
    counters.count(seconds * 1e9);
  }
  counters.report(state);
}

void connect_echo_close(benchmark::State& state, const Model& model) {
  const RunningServer server(model_contestant(model.name), start_of_server());
  const Pattern pattern(1);
  const Buffer memory(4096);
  Counters counters(server);
  std::uint64_t connection = 0;
  const bool in_datagrams = server.endpoint().is_datagram();
  for (auto _ : state) {
    const auto begin = Clock::now();
    const Fd fd = connect_to(server.endpoint());
    EchoCaller caller(pattern, ++connection, memory.room());
    if (in_datagrams) wait_a_second_at_most(fd);
    if (!echo_once(fd.get(), caller))
      return state.SkipWithError("a reply was wrong or lost");
    if (!in_datagrams && !ends_in_order(fd, memory.room()))
      return state.SkipWithError("the server did not end the connection");
    const double seconds = seconds_since(begin);
    // Both sides have ended in order; the reset that this makes of close() spares the
    // client's port its minute of TIME_WAIT (socket(7), SO_LINGER).
    const linger reset{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    state.SetIterationTime(seconds);
    counters.count(seconds * 1e9);
  }
  counters.report(state);
}

void throughput(benchmark::State& state, const Model& model) {
  LoadPlan plan;
  plan.connections = static_cast<std::size_t>(state.range(0));
  plan.cpus = cpus().client;
  plan.payload_bytes = payload_bytes;
  plan.warm_up = std::chrono::milliseconds(100);
  plan.duration = std::chrono::milliseconds(400);
  Histogram latency;
  double requests = 0;
  double cpu_ns = 0;
  for (auto _ : state) {
    const Trial trial = run_trial(model_contestant(model.name), start_of_server(), plan,
                                  [](const auto&) {}, {});
    const Verdict verdict = trial.judgement.verdict;
    if (verdict == Verdict::failed || verdict == Verdict::corrupt)
      return state.SkipWithError(trial.judgement.reason.c_str());
    const auto count = static_cast<double>(trial.load.requests);
    state.SetIterationTime(trial.load.seconds / count);
    latency.merge(trial.load.response);
    requests += count;
    cpu_ns += trial.server.cpu_ns_per_request * count;
  }
  state.counters["req_per_s"] = benchmark::Counter(
      static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
  state.counters["p50_ns"] = static_cast<double>(latency.quantile_ns(0.5).value_or(0));
  state.counters["p99_ns"] = static_cast<double>(latency.quantile_ns(0.99).value_or(0));
  state.counters["server_cpu_ns"] = requests > 0 ? cpu_ns / requests : 0;
}

/// An exception ends its benchmark, not the program.
template <class Body>
auto guarded(Body body, const Model& model) {
  return [body, &model](benchmark::State& state) {
    try {
      body(state, model);
    } catch (const std::exception& error) {
      state.SkipWithError(error.what());
    }
  };
}

void register_all() {
  for (const Model& model : models()) {
    if (const auto why = unavailable_because(model)) {
      fmt::print(stderr, "models_bench: without {}: {}\n", model.name, *why);
      continue;
    }
    const auto add = [&](const char* what, auto body) {
      return benchmark::RegisterBenchmark(fmt::format("{}/{}", what, model.name).c_str(),
                                          guarded(body, model))
          ->UseManualTime();
    };
    add("round_trip", round_trip)->Unit(benchmark::kMicrosecond);
    add("connect_echo_close", connect_echo_close)->Unit(benchmark::kMicrosecond);
    add("throughput", throughput)
        ->Arg(1)
        ->Arg(100)
        ->Iterations(1)
        ->Unit(benchmark::kMicrosecond);
  }
}

}  // namespace
}  // namespace echolab

int main(int argc, char** argv) {
  return echolab::run_program("models_bench", [&] {
    echolab::pin_this_thread(echolab::cpus().client);
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv))
      return echolab::ExitCode::usage;
    echolab::register_all();
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return echolab::ExitCode::ok;
  });
}
