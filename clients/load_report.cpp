#include "clients/load_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "clients/work_options.hpp"

namespace echolab {
namespace {

/// Above this share of its cores the generator, not the server, may be what is measured.
/// Epoll wake-ups and interrupts take the rest of a core that is in truth full: closed
/// loops against a faster server settle between 0.90 and 1.00.
constexpr double client_bound_share = 0.85;

double cores_available(const LoadPlan& plan) {
  const std::size_t cores = plan.cpus.empty() ? plan.threads : plan.cpus.size();
  return static_cast<double>(std::min(plan.threads, cores));
}

nlohmann::json quantile(const Histogram& latency, double q) {
  const auto ns = latency.quantile_ns(q);
  return ns ? nlohmann::json(*ns) : nlohmann::json();
}

std::string shown_quantile(const Histogram& latency, double q) {
  const auto ns = latency.quantile_ns(q);
  return ns ? show_duration(static_cast<double>(*ns)) : "n too small";
}

/// Above this share of the window spent on waiting for lost datagrams (of all requests
/// that could have been outstanding), the numbers are about --datagram-timeout.
constexpr double waiting_share = 0.05;

double waited_for_lost(const LoadPlan& plan, const LoadResult& result) {
  const double timeout_s = std::chrono::duration<double>(plan.datagram_timeout).count();
  const auto places = static_cast<double>(plan.connections * plan.pipeline);
  const auto lost = static_cast<double>(result.datagrams.lost_in_window);
  return result.seconds > 0 ? lost * timeout_s / (places * result.seconds) : 0;
}

std::string lost_text(const DatagramCounts& datagrams) {
  return fmt::format("{} of {} lost ({:.2g} %)", datagrams.lost, datagrams.sent,
                     100 * static_cast<double>(datagrams.lost) /
                         static_cast<double>(std::max<std::uint64_t>(datagrams.sent, 1)));
}

nlohmann::json datagrams_json(const DatagramCounts& datagrams) {
  return {{"sent", datagrams.sent},
          {"lost", datagrams.lost},
          {"lost_in_window", datagrams.lost_in_window},
          {"late", datagrams.late},
          {"duplicated", datagrams.duplicated},
          {"reordered", datagrams.reordered}};
}

std::pair<std::uint64_t, std::uint64_t> slowest_and_fastest(const LoadResult& result) {
  const auto& all = result.requests_per_connection;
  if (all.empty()) return {0, 0};
  const auto [least, most] = std::ranges::minmax_element(all);
  return {*least, *most};
}

/// A frame comes back unchanged from any echo: that the work was done shows in the time
/// alone. Clocks may differ by a little.
std::optional<std::string> work_left_out(const LoadPlan& plan, const LoadResult& result) {
  if (!plan.work) return std::nullopt;
  const Nanoseconds work = plan.work->compute + plan.work->block;
  const auto work_ns = static_cast<double>(work.count());
  const auto least_ns = static_cast<double>(result.latency.min_ns());
  if (least_ns >= 0.99 * work_ns) return std::nullopt;
  return fmt::format(
      "a reply came after {}, before {} of work can have been done: the "
      "server does not speak the work protocol",
      show_duration(least_ns), show_duration(work_ns));
}

}  // namespace

double LoadResult::requests_per_second() const {
  if (summed_rate) return *summed_rate;
  return seconds > 0 ? static_cast<double>(requests) / seconds : 0;
}

double LoadResult::client_cores_used() const {
  return seconds > 0 ? client_cpu_ns / 1e9 / seconds : 0;
}

double LoadResult::jain() const {
  double sum = 0;
  double squares = 0;
  for (const std::uint64_t count : requests_per_connection) {
    const auto x = static_cast<double>(count);
    sum += x;
    squares += x * x;
  }
  const auto n = static_cast<double>(requests_per_connection.size());
  return squares > 0 ? sum * sum / (n * squares) : 0;
}

std::size_t LoadResult::starved() const {
  return static_cast<std::size_t>(std::ranges::count(requests_per_connection, 0u));
}

std::string_view verdict_text(Verdict verdict) {
  switch (verdict) {
    case Verdict::valid:
      return "VALID";
    case Verdict::client_bound:
      return "CLIENT-BOUND";
    case Verdict::overloaded:
      return "OVERLOADED";
    case Verdict::unsteady:
      return "UNSTEADY";
    case Verdict::noisy:
      return "NOISY";
    case Verdict::corrupt:
      return "CORRUPT";
    case Verdict::failed:
      return "FAILED";
  }
  return "";
}

ExitCode exit_code_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::valid:
      return ExitCode::ok;
    case Verdict::client_bound:
      return ExitCode::client_bound;
    case Verdict::overloaded:
      return ExitCode::overloaded;
    case Verdict::unsteady:
    case Verdict::noisy:
      return ExitCode::unsteady;
    case Verdict::corrupt:
      return ExitCode::corrupt;
    case Verdict::failed:
      return ExitCode::failure;
  }
  return ExitCode::failure;
}

Judgement judge(const LoadPlan& plan, const LoadResult& result) {
  const LoadErrors& errors = result.errors;
  if (errors.mismatch > 0)
    return {Verdict::corrupt, fmt::format("{} connections got wrong bytes: {}",
                                          errors.mismatch, result.first_failure)};
  if (errors.lost_replies > 0)
    return {Verdict::corrupt, fmt::format("{} replies were lost: {}", errors.lost_replies,
                                          result.first_failure)};
  if (errors.total() > 0)
    return {Verdict::failed,
            fmt::format("{} of {} connections failed: {}", errors.total(),
                        plan.connections, result.first_failure)};
  if (result.requests == 0)
    return {Verdict::failed, "not one reply came inside the measured window"};
  if (plan.requests > 0 && result.requests < plan.requests && !result.interrupted)
    return {Verdict::failed, fmt::format("only {} of {} requests were answered in time",
                                         result.requests, plan.requests)};
  if (const auto work = work_left_out(plan, result)) return {Verdict::failed, *work};
  if (const double waited = waited_for_lost(plan, result); waited > waiting_share)
    return {Verdict::overloaded,
            fmt::format("{}: waiting for them took {:.0f} % of the window",
                        lost_text(result.datagrams), std::min(waited, 1.0) * 100)};
  const double busy = result.client_cores_used() / cores_available(plan);
  if (busy > client_bound_share)
    return {
        Verdict::client_bound,
        fmt::format("the client used {:.0f} % of its core{}: the server may be faster",
                    busy * 100, cores_available(plan) > 1 ? "s" : "")};
  return {};
}

nlohmann::json plan_json(const LoadPlan& plan) {
  const auto seconds = [](Nanoseconds t) {
    return std::chrono::duration<double>(t).count();
  };
  return {{"server", plan.server.text()},
          {"workload", "closed"},
          {"connections", plan.connections},
          {"threads", plan.threads},
          {"cpus", plan.cpus},
          {"warm_up_seconds", seconds(plan.warm_up)},
          {"duration_seconds", seconds(plan.duration)},
          {"requests", plan.requests},
          {"payload_bytes", plan.payload_bytes},
          {"pipeline", plan.pipeline},
          {"protocol", plan.work ? "work" : "echo"},
          {"work", work_json(plan)},
          {"timeout_seconds", seconds(plan.timeout)},
          {"datagram_timeout_seconds", seconds(plan.datagram_timeout)},
          {"seed", plan.seed}};
}

nlohmann::json load_json(const LoadPlan& plan, const LoadResult& result) {
  const Histogram& latency = result.latency;
  const auto [slowest, fastest] = slowest_and_fastest(result);
  auto buckets = nlohmann::json::array();
  for (const auto& bucket : latency.non_empty())
    buckets.push_back({bucket.lower_ns, bucket.upper_ns, bucket.count});
  const auto requests = static_cast<double>(result.requests);
  auto row =
      nlohmann::json{{"seconds", result.seconds},
                     {"requests", result.requests},
                     {"requests_per_second", result.requests_per_second()},
                     {"connected", result.connected},
                     {"errors",
                      {{"connect", result.errors.connect},
                       {"timeout", result.errors.timeout},
                       {"reset", result.errors.reset},
                       {"closed_early", result.errors.closed_early},
                       {"mismatch", result.errors.mismatch},
                       {"lost_replies", result.errors.lost_replies}}},
                     {"latency_ns",
                      {{"n", latency.count()},
                       {"sum", latency.totals().sum_ns},
                       {"mean", latency.mean_ns()},
                       {"min", latency.min_ns()},
                       {"p50", quantile(latency, 0.5)},
                       {"p90", quantile(latency, 0.9)},
                       {"p99", quantile(latency, 0.99)},
                       {"p999", quantile(latency, 0.999)},
                       {"max", latency.max_ns()},
                       {"overflow", latency.overflow()}}},
                     {"histogram", buckets},
                     {"fairness",
                      {{"jain", result.jain()},
                       {"slowest_requests", slowest},
                       {"fastest_requests", fastest},
                       {"starved", result.starved()},
                       {"requests_per_client", result.requests_per_connection}}},
                     {"client",
                      {{"cpu_ns_per_request",
                        requests > 0 ? nlohmann::json(result.client_cpu_ns / requests)
                                     : nlohmann::json()},
                       {"cpu_cores_used", result.client_cores_used()},
                       {"threads", plan.threads}}}};
  if (result.datagrams.sent > 0) row["datagrams"] = datagrams_json(result.datagrams);
  return row;
}

nlohmann::json load_row(const LoadPlan& plan, const LoadResult& result,
                        const Judgement& judgement, double started_unix_seconds) {
  auto row = load_json(plan, result);
  row["schema_version"] = load_schema_version;
  row["started_unix_seconds"] = started_unix_seconds;
  row["plan"] = plan_json(plan);
  row["verdict"] = verdict_text(judgement.verdict);
  row["reason"] = judgement.reason;
  row["partial"] = result.interrupted;
  return row;
}

std::string load_table(const LoadPlan& plan, const LoadResult& result,
                       const Judgement& judgement) {
  const auto [slowest, fastest] = slowest_and_fastest(result);
  const auto line = [](std::string_view name, const std::string& value) {
    return fmt::format("  {:<14} {}\n", name, value);
  };
  std::string table =
      fmt::format("{}: closed loop, {} connections x {} outstanding, {} B, {} thread{}\n",
                  plan.server.text(), plan.connections, plan.pipeline, plan.payload_bytes,
                  plan.threads, plan.threads == 1 ? "" : "s");
  if (plan.work) table += line("work", "each request " + work_text(plan));
  const Histogram& latency = result.latency;
  table += line("throughput",
                fmt::format("{:>10} requests/s   {} verified in {}",
                            show_count(result.requests_per_second()), result.requests,
                            show_duration(result.seconds * 1e9)));
  table += line("latency",
                fmt::format("p50 {}   p90 {}   p99 {}   p99.9 {}   max {}",
                            shown_quantile(latency, 0.5), shown_quantile(latency, 0.9),
                            shown_quantile(latency, 0.99), shown_quantile(latency, 0.999),
                            show_duration(static_cast<double>(latency.max_ns()))));
  table += line("fairness", fmt::format("Jain {:.3f}   slowest {} fastest {}   {} of {} "
                                        "connections had no reply",
                                        result.jain(), slowest, fastest, result.starved(),
                                        result.requests_per_connection.size()));
  if (result.requests > 0)
    table +=
        line("client", fmt::format("{} CPU per request   {:.2f} cores used",
                                   show_duration(result.client_cpu_ns /
                                                 static_cast<double>(result.requests)),
                                   result.client_cores_used()));
  const DatagramCounts& datagrams = result.datagrams;
  if (datagrams.sent > 0)
    table += line("datagrams", fmt::format("{}   {} late   {} duplicated   {} reordered",
                                           lost_text(datagrams), datagrams.late,
                                           datagrams.duplicated, datagrams.reordered));
  const LoadErrors& e = result.errors;
  table +=
      line("errors",
           e.total() == 0
               ? "none: every byte came back right"
               : fmt::format("connect {}, timeout {}, reset {}, closed early {}, wrong "
                             "bytes {}, lost replies {}",
                             e.connect, e.timeout, e.reset, e.closed_early, e.mismatch,
                             e.lost_replies));
  table += line("verdict",
                fmt::format("{}{}{}", verdict_text(judgement.verdict),
                            judgement.reason.empty() ? "" : ": ", judgement.reason));
  return table;
}

}  // namespace echolab
