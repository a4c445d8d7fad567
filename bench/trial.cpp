#include "bench/trial.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "bench/series.hpp"
#include "clients/load_report.hpp"
#include "clients/population_report.hpp"
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

/// Looks at the server from outside before, in and after the window.
class Witness {
 public:
  /// The server is ready, and nobody has come yet.
  Witness(pid_t root, Nanoseconds interval) : root_(root), interval_(interval) {
    const auto tree = tree_of(root);
    idle_pss_ = size_of(tree).pss_bytes;
    for (const pid_t pid : tree) idle_sockets_.merge(sockets_of(pid));
    idle_kernel_ = kernel_memory_bytes();
  }

  [[nodiscard]] LoadEvents events(
      const std::function<void(const LoadProgress&)>& progress) {
    return {.window_begins = [this] { begin(); },
            .window_ended = [this] { end(); },
            .progress =
                [this, progress](const LoadProgress& now) {
                  errors_ = now.errors;
                  progress(now);
                },
            .interval =
                [this](const LoadInterval& interval) {
                  if (series_) series_->add(interval, errors_);
                }};
  }

  /// After the load, whose result is in `trial`.
  void tell(Trial& trial) const {
    trial.server = figures_of(before_, after_, trial.load.requests_per_second());
    trial.server.size = size_;
    trial.server.pss_bytes_idle = idle_pss_;
    if (busy_kernel_ > idle_kernel_)
      trial.server.kernel_bytes = busy_kernel_ - idle_kernel_;
    trial.server.thread_cpu_seconds =
        greatest_growths(threads_before_, threads_after_, shares_told);
    trial.server.process_connections = connections_;
    if (series_) trial.series = series_->json();
    trial.stolen_share = stolen_ / seconds_between(before_.cpu_read, after_.cpu_read) /
                         std::max(1u, std::thread::hardware_concurrency());
  }

 private:
  static constexpr std::size_t shares_told = 64;

  void begin() {
    const auto tree = tree_of(root_);
    stolen_ = stolen_seconds();
    threads_before_ = thread_cpu_ns_of(tree);
    before_ = use_of(tree);
    series_.emplace(interval_, tree);
    series_->begin(errors_);
  }
  void end() {
    const auto tree = tree_of(root_);
    after_ = use_of(tree);
    series_->end();
    stolen_ = stolen_seconds() - stolen_;
    busy_kernel_ = kernel_memory_bytes();
    size_ = size_of(tree);
    threads_after_ = thread_cpu_ns_of(tree);
    connections_ = sockets_by_process(tree, idle_sockets_, shares_told);
  }

  const pid_t root_;
  const Nanoseconds interval_;
  std::uint64_t idle_pss_ = 0;
  std::uint64_t idle_kernel_ = 0;
  std::uint64_t busy_kernel_ = 0;
  std::set<std::string> idle_sockets_;
  double stolen_ = 0;
  TreeUse before_;
  TreeUse after_;
  TreeSize size_;
  std::map<pid_t, double> threads_before_;
  std::map<pid_t, double> threads_after_;
  std::optional<std::vector<std::uint64_t>> connections_;
  std::optional<Series> series_;
  std::uint64_t errors_ = 0;
};

/// What cannot be told of a trial that is none.
void void_figures(nlohmann::json& row) {
  for (const char* member :
       {"seconds", "requests", "requests_per_second", "latency_ns", "histogram",
        "fairness", "server", "client", "connect_ns", "offered_per_second", "series"})
    row[member] = nullptr;
}

}  // namespace

Trial run_trial(const Contestant& contestant, const Start& start, LoadPlan plan,
                const std::function<void(const LoadProgress&)>& progress,
                const std::stop_token& stop, const std::optional<Ceiling>& ceiling) try {
  Trial trial;
  const RunningServer server(contestant, start, stop);
  plan.server = server.endpoint();
  plan.interval = series_interval(plan.duration);
  Witness witness(server.root(), plan.interval);
  trial.load = run_load(plan, witness.events(progress), stop);
  trial.load.ceiling = ceiling;
  witness.tell(trial);
  trial.connect = connect_times(trial.load);
  trial.company_failed = company_failed(trial.load);
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
       server.kernel_bytes ? nlohmann::json(*server.kernel_bytes) : nlohmann::json()},
      {"thread_cpu_seconds", server.thread_cpu_seconds},
      {"process_connections", server.process_connections
                                  ? nlohmann::json(*server.process_connections)
                                  : nlohmann::json()}};
  row["series"] = trial.series;
  row["company_failed"] =
      plan.company.empty() ? nlohmann::json() : nlohmann::json(trial.company_failed);
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
  auto warnings = nlohmann::json(trial.judgement.warnings);
  if (trial.stolen_share > 0.02)
    warnings.push_back(fmt::format("the hypervisor took {:.0f} % of the CPUs",
                                   trial.stolen_share * 100));
  row["warnings"] = warnings;
  return row;
}

}  // namespace echolab
