#include "bench/trial.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "clients/load_report.hpp"
#include "common/error.hpp"
#include "common/machine.hpp"

namespace echolab {
namespace {

using namespace std::chrono_literals;

double seconds_between(std::chrono::steady_clock::time_point a,
                       std::chrono::steady_clock::time_point b) {
  return std::max(1e-9, std::chrono::duration<double>(b - a).count());
}

/// Use and requests are read at moments that differ a little (a tree of a thousand
/// processes takes a while to read), so rates are divided, not counts.
ServerFigures figures_of(const TreeUse& before, const TreeUse& after, double rps) {
  const double cpu_s = seconds_between(before.cpu_read, after.cpu_read);
  const double switches_s = seconds_between(before.switches_read, after.switches_read);
  const auto per_request = [&](double amount, double seconds) {
    return rps > 0 ? amount / seconds / rps : 0;
  };
  const auto grown = [](std::uint64_t from, std::uint64_t to) {
    return to > from ? static_cast<double>(to - from) : 0.0;
  };
  ServerFigures figures;
  figures.cpu_ns_per_request = per_request(after.cpu_ns - before.cpu_ns, cpu_s);
  figures.cpu_cores_used = (after.cpu_ns - before.cpu_ns) / 1e9 / cpu_s;
  figures.voluntary_switches_per_request =
      per_request(grown(before.voluntary_switches, after.voluntary_switches), switches_s);
  figures.involuntary_switches_per_request = per_request(
      grown(before.involuntary_switches, after.involuntary_switches), switches_s);
  return figures;
}

std::optional<ConnectTimes> connect_times(const LoadResult& load) {
  if (!load.details || load.details->connect.count() == 0) return std::nullopt;
  const auto times = times_json(load.details->connect);
  const auto figure = [&](const char* member) {
    return times[member].is_null() ? 0 : times[member].get<double>();
  };
  return ConnectTimes{load.details->connect.count(), figure("p50"), figure("p99"),
                      figure("max")};
}

nlohmann::json above_zero(double figure) {
  return figure > 0 ? nlohmann::json(figure) : nlohmann::json();
}

nlohmann::json connect_json(const std::optional<ConnectTimes>& times) {
  if (!times) return nullptr;
  return {{"n", times->n},
          {"p50", above_zero(times->p50_ns)},
          {"p99", above_zero(times->p99_ns)},
          {"max", times->max_ns}};
}

/// What cannot be told of a trial that is none.
void void_figures(nlohmann::json& row) {
  for (const char* member :
       {"seconds", "requests", "requests_per_second", "latency_ns", "histogram",
        "fairness", "server", "client", "connect_ns", "offered_per_second"})
    row[member] = nullptr;
}

}  // namespace

Trial run_trial(const Contestant& contestant, const Start& start, LoadPlan plan,
                const std::function<void(const LoadProgress&)>& progress,
                const std::stop_token& stop, const std::optional<Ceiling>& ceiling) try {
  Trial trial;
  const RunningServer server(contestant, start, stop);
  plan.server = server.endpoint();
  const std::uint64_t idle = size_of(tree_of(server.root())).pss_bytes;
  const std::uint64_t kernel_idle = kernel_memory_bytes();
  std::uint64_t kernel_busy = 0;
  TreeUse before;
  TreeUse after;
  double stolen = 0;
  std::chrono::steady_clock::time_point began;
  LoadEvents events;
  events.progress = progress;
  events.window_begins = [&] {
    stolen = stolen_seconds();
    before = use_of(tree_of(server.root()));
    began = before.cpu_read;
  };
  events.window_ended = [&] {
    const auto tree = tree_of(server.root());
    after = use_of(tree);
    stolen = stolen_seconds() - stolen;
    kernel_busy = kernel_memory_bytes();
    trial.server.size = size_of(tree);
  };
  trial.load = run_load(plan, events, stop);
  trial.load.ceiling = ceiling;
  const TreeSize size = trial.server.size;
  trial.server = figures_of(before, after, trial.load.requests_per_second());
  trial.server.size = size;
  trial.server.pss_bytes_idle = idle;
  if (kernel_busy > kernel_idle) trial.server.kernel_bytes = kernel_busy - kernel_idle;
  trial.connect = connect_times(trial.load);
  trial.stolen_share = stolen / seconds_between(began, after.cpu_read) /
                       std::max(1u, std::thread::hardware_concurrency());
  trial.judgement = judge(plan, trial.load);
  trial.load.details.reset();  // hundreds of trials are kept: the response alone
  const bool is_right = trial.judgement.verdict != Verdict::failed &&
                        trial.judgement.verdict != Verdict::corrupt;
  if (server.has_ended_within(is_right ? 0ms : 500ms))
    trial.judgement = {Verdict::failed, "the server ended: " + server.last_words()};
  return trial;
} catch (const Failure& failure) {
  if (failure.code == ExitCode::usage) throw;
  Trial failed;
  failed.judgement = {Verdict::failed, failure.what()};
  return failed;
}

nlohmann::json trial_json(const LoadPlan& plan, const Trial& trial) {
  auto row = load_json(plan, trial.load);
  const ServerFigures& server = trial.server;
  row["server"] = {
      {"cpu_ns_per_request", server.cpu_ns_per_request},
      {"cpu_seconds", server.cpu_cores_used * trial.load.seconds},
      {"cpu_cores_used", server.cpu_cores_used},
      {"voluntary_switches_per_request", server.voluntary_switches_per_request},
      {"involuntary_switches_per_request", server.involuntary_switches_per_request},
      {"processes", server.size.processes},
      {"threads", server.size.threads},
      {"descriptors", server.size.descriptors},
      {"pss_bytes", server.size.pss_bytes},
      {"pss_bytes_idle", server.pss_bytes_idle},
      {"kernel_bytes",
       server.kernel_bytes ? nlohmann::json(*server.kernel_bytes) : nlohmann::json()}};
  row["connect_ns"] = connect_json(trial.connect);
  row["client_ceiling"] =
      ceiling_json(trial.load.ceiling, trial.load.requests_per_second());
  row["offered_per_second"] = plan.workload.is_open()
                                  ? above_zero(static_cast<double>(trial.load.offered) /
                                               std::max(1e-9, trial.load.seconds))
                                  : nlohmann::json();
  const Verdict verdict = trial.judgement.verdict;
  if (verdict == Verdict::failed || verdict == Verdict::corrupt) void_figures(row);
  row["verdict"] = verdict_text(verdict);
  row["reason"] = trial.judgement.reason;
  auto warnings = nlohmann::json::array();
  if (trial.stolen_share > 0.02)
    warnings.push_back(fmt::format("the hypervisor took {:.0f} % of the CPUs",
                                   trial.stolen_share * 100));
  row["warnings"] = warnings;
  return row;
}

}  // namespace echolab
