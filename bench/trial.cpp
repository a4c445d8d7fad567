#include "bench/trial.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bench/series.hpp"
#include "bench/witness.hpp"
#include "clients/load_report.hpp"
#include "clients/population_report.hpp"
#include "common/error.hpp"

namespace echolab {
namespace {

using namespace std::chrono_literals;

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
  for (const char* member : {"seconds", "requests", "requests_per_second", "latency_ns",
                             "histogram", "fairness", "server", "machine", "client",
                             "connect_ns", "offered_per_second", "series"})
    row[member] = nullptr;
  if (row.contains("reply_body_bytes")) row["reply_body_bytes"] = nullptr;
}

/// Whoever of the company is silent, or asks as the lead does, has to stay for the
/// window: else the load was less than its level says. The slow, and those who come
/// again, may be shown the door.
std::string why_not_held(const LoadPlan& plan, const LoadResult& load) {
  for (std::size_t i = 0; i < load.company.size(); ++i) {
    const LoadPlan& its = plan.company[i];
    const LoadErrors& errors = load.company[i].errors;
    const std::uint64_t lost = errors.total() - errors.lost_replies;
    const bool may_go = its.manners.is_reborn() || its.manners.reads_slowly() ||
                        its.manners.writes_slowly();
    if (lost > 0 && !may_go)
      return fmt::format("{} of {} {} connections were not held: {}", lost,
                         its.connections, its.name, load.company[i].first_failure);
  }
  return "";
}

/// Why a trial contradicts itself: what it held, or who served; empty: it does not.
std::string why_void(const LoadPlan& plan, const LoadResult& load,
                     const Witness& witness) {
  const std::string lost = witness.failures() > 0 ? why_not_held(plan, load) : "";
  return lost.empty() ? witness.contradiction() : lost;
}

nlohmann::json machine_json(const std::optional<MachineFigures>& machine) {
  if (!machine) return nullptr;
  return {{"busy_cores", machine->busy_cores},
          {"client_cores", machine->client_cores},
          {"cpu_ns_per_request", above_zero(machine->cpu_ns_per_request)}};
}

}  // namespace

Trial run_trial(const Contestant& contestant, const Start& start, LoadPlan plan,
                const std::function<void(const LoadProgress&)>& progress,
                const std::stop_token& stop, const std::optional<Ceiling>& ceiling) try {
  Trial trial;
  const RunningServer server(contestant, start, stop);
  plan.server = server.endpoint();
  plan.interval = series_interval(plan.duration);
  Witness witness(server.root(), plan.interval, declared_census(contestant, start, plan));
  trial.load = run_load(plan, witness.events(progress), stop);
  trial.load.ceiling = ceiling;
  witness.tell(trial);
  trial.connect = connect_times(trial.load);
  trial.company_failed = company_failed(trial.load);
  trial.judgement = judge(plan, trial.load);
  trial.load.details.reset();  // hundreds of trials are kept: the response alone
  const bool is_right = trial.judgement.verdict != Verdict::failed &&
                        trial.judgement.verdict != Verdict::corrupt;
  if (const std::string why = why_void(plan, trial.load, witness);
      is_right && !why.empty())
    trial.judgement = {Verdict::failed, why};
  if (server.has_ended_within(is_right ? 0ms : 500ms))
    trial.judgement = {Verdict::failed, "the server ended: " + server.last_words()};
  return trial;
} catch (const Failure& failure) {
  if (failure.code == ExitCode::usage) throw;
  Trial failed;
  failed.load.details.reset();  // as every trial that is kept
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
  row["machine"] = machine_json(trial.machine);
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
