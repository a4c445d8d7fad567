#include "clients/load_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <span>

#include "clients/error_kinds.hpp"
#include "clients/http_options.hpp"
#include "clients/littles_law.hpp"
#include "clients/population_report.hpp"
#include "clients/work_options.hpp"
#include "common/time_unit.hpp"

namespace echolab {
namespace {

/// Of a table.
std::string line(std::string_view name, const std::string& value) {
  return fmt::format("  {:<14} {}\n", name, value);
}

nlohmann::json quantile(const Histogram& latency, double q) {
  const auto ns = latency.quantile_ns(q);
  return ns ? nlohmann::json(*ns) : nlohmann::json();
}

std::string shown_quantile(const Histogram& latency, double q) {
  const auto ns = latency.quantile_ns(q);
  return ns ? show_time(static_cast<double>(*ns)) : "n too small";
}

nlohmann::json datagrams_json(const DatagramCounts& datagrams) {
  return {{"sent", datagrams.sent},
          {"lost", datagrams.lost},
          {"lost_in_window", datagrams.lost_in_window},
          {"late", datagrams.late},
          {"duplicated", datagrams.duplicated},
          {"reordered", datagrams.reordered}};
}

nlohmann::json buckets_of(const Histogram& times) {
  auto buckets = nlohmann::json::array();
  for (const auto& bucket : times.non_empty())
    buckets.push_back({bucket.lower_ns, bucket.upper_ns, bucket.count});
  return buckets;
}

std::string times_text(const Histogram& times) {
  return fmt::format("p50 {}   p90 {}   p99 {}   p99.9 {}   max {}",
                     shown_quantile(times, 0.5), shown_quantile(times, 0.9),
                     shown_quantile(times, 0.99), shown_quantile(times, 0.999),
                     show_time(static_cast<double>(times.max_ns())));
}

std::string offered_text(const LoadResult& result) {
  const double rate =
      result.seconds > 0 ? static_cast<double>(result.offered) / result.seconds : 0;
  return fmt::format("{:>10} requests/s   {} arrivals   {} dropped   {} without a reply",
                     show_count(rate), result.offered, result.dropped, result.unfinished);
}

/// Of an open loop, the parts of the response as well.
std::string times_lines(const LoadPlan& plan, const LoadResult& result) {
  if (!plan.workload.is_open()) return line("latency", times_text(result.response));
  std::string lines = line("offered", offered_text(result));
  lines += line("response", times_text(result.response));
  if (!result.details) return lines;
  lines += line("  blocked", times_text(result.details->blocked));
  lines += line("  lag (ours)", times_text(result.details->lag));
  lines += line("  service", times_text(result.details->service));
  return lines;
}

/// "3 altered, 1 silent": those that are not 0.
std::string counted(std::span<const ErrorCounter> counters, const LoadErrors& errors) {
  std::string text;
  for (const auto& [name, count] : counters)
    if (errors.*count > 0)
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", errors.*count, name);
  return text;
}

std::string request_text(const LoadPlan& plan) {
  if (plan.http && plan.http->get) return "GET " + *plan.http->get;
  return plan.sizes ? plan.sizes->text() : fmt::format("{} B", plan.payload_bytes);
}

std::string errors_text(const LoadErrors& e) {
  if (e.total() == 0) return "none: every byte came back right";
  const std::string kinds = counted(error_kinds, e);
  return fmt::format(
      "connect {}, timeout {}, reset {}, closed early {}, wrong bytes {}, lost replies "
      "{}{}",
      e.connect, e.timeout, e.reset, e.closed_early, e.mismatch, e.lost_replies,
      kinds.empty() ? "" : fmt::format(" ({})", kinds));
}

nlohmann::json errors_json(const LoadErrors& errors) {
  nlohmann::json all;
  for (const auto& [name, count] : error_ends) all[name] = errors.*count;
  for (const auto& [name, count] : error_kinds) all[name] = errors.*count;
  return all;
}

/// The parts of a response, and what connections took.
void add_details(nlohmann::json& row, const LoadDetails& details) {
  const std::pair<const char*, const Histogram*> all[] = {
      {"service", &details.service},
      {"blocked", &details.blocked},
      {"lag", &details.lag},
      {"connect", &details.connect},
      {"first_byte", &details.first_byte},
      {"close", &details.close}};
  for (const auto& [name, times] : all) {
    row[fmt::format("{}_ns", name)] = times_json(*times);
    row["histograms"][name] = buckets_of(*times);
  }
}

/// What an open loop offered, and what became of it.
nlohmann::json offered_json(const LoadResult& result) {
  return {{"arrivals", result.offered},
          {"per_second",
           result.seconds > 0 ? static_cast<double>(result.offered) / result.seconds : 0},
          {"dropped", result.dropped},
          {"unfinished", result.unfinished},
          {"backlog_growth", result.backlog_growth},
          {"clock_late_ns_p99", result.clock_late_ns_p99}};
}

nlohmann::json noise_json(const Noise& noise) {
  const auto or_null = [](const std::optional<double>& seconds) {
    return seconds ? nlohmann::json(*seconds) : nlohmann::json();
  };
  return {{"seconds", noise.seconds},
          {"threads", noise.threads},
          {"cpus", noise.cpus},
          {"waited_seconds", or_null(noise.waited_seconds)},
          {"ran_seconds", noise.ran_seconds},
          {"involuntary_switches", noise.involuntary_switches},
          {"stolen_seconds", noise.stolen_seconds},
          {"others_seconds", or_null(noise.others_seconds)}};
}

std::pair<std::uint64_t, std::uint64_t> slowest_and_fastest(const LoadResult& result) {
  const auto& all = result.requests_per_connection;
  if (all.empty()) return {0, 0};
  const auto [least, most] = std::ranges::minmax_element(all);
  return {*least, *most};
}

}  // namespace

nlohmann::json times_json(const Histogram& times) {
  return {{"n", times.count()},           {"sum", times.totals().sum_ns},
          {"mean", times.mean_ns()},      {"min", times.min_ns()},
          {"p50", quantile(times, 0.5)},  {"p90", quantile(times, 0.9)},
          {"p99", quantile(times, 0.99)}, {"p999", quantile(times, 0.999)},
          {"max", times.max_ns()},        {"overflow", times.overflow()}};
}

std::string errors_in_words(const LoadErrors& errors) {
  const std::string kinds = counted(error_kinds, errors);
  std::string text = counted(error_ends, errors);
  if (!kinds.empty()) text += fmt::format(" ({})", kinds);
  std::ranges::replace(text, '_', ' ');
  return text;
}

std::uint64_t without_reply(const LoadResult& result) {
  return result.offered - std::min(result.offered, result.response.count());
}

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

nlohmann::json plan_json(const LoadPlan& plan) {
  const auto seconds = [](Nanoseconds t) {
    return std::chrono::duration<double>(t).count();
  };
  return {{"server", plan.server.text()},
          {"workload", plan.workload.name()},
          {"arrivals", plan.workload.is_open()
                           ? nlohmann::json(plan.workload.arrivals->text())
                           : nlohmann::json()},
          {"think", plan.workload.think.text()},
          {"session_requests", plan.workload.session_requests},
          {"on_busy", on_busy_names[static_cast<int>(plan.workload.on_busy)]},
          {"part", plan.part + 1},
          {"parts", plan.parts},
          {"connections", plan.connections},
          {"threads", plan.threads},
          {"engine", plan.engine == EngineKind::io_uring ? "io_uring" : "epoll"},
          {"spin", plan.spin},
          {"cpus", plan.cpus},
          {"alone", plan.is_alone},
          {"warm_up_seconds", seconds(plan.warm_up)},
          {"duration_seconds", seconds(plan.duration)},
          {"interval_seconds", seconds(plan.interval)},
          {"requests", plan.requests},
          {"payload_bytes", plan.payload_bytes},
          {"sizes", plan.sizes ? nlohmann::json(plan.sizes->text()) : nlohmann::json()},
          {"pipeline", plan.pipeline},
          {"protocol", plan.protocol()},
          {"work", work_json(plan)},
          {"http", http_json(plan)},
          {"timeout_seconds", seconds(plan.timeout)},
          {"datagram_timeout_seconds", seconds(plan.datagram_timeout)},
          {"seed", plan.seed}};
}

nlohmann::json load_json(const LoadPlan& plan, const LoadResult& result) {
  const Histogram& latency = result.response;
  const auto [slowest, fastest] = slowest_and_fastest(result);
  const auto requests = static_cast<double>(result.requests);
  auto row = nlohmann::json{
      {"seconds", result.seconds},
      {"requests", result.requests},
      {"requests_per_second", result.requests_per_second()},
      {"connected", result.connected},
      {"errors", errors_json(result.errors)},
      {"parts", result.parts},
      {"latency_ns", times_json(latency)},
      {"slowest_at_seconds",
       result.slowest_at_ns
           ? nlohmann::json(static_cast<double>(*result.slowest_at_ns) / 1e9)
           : nlohmann::json()},
      {"histogram", buckets_of(latency)},
      {"fairness",
       {{"jain", result.jain()},
        {"slowest_requests", slowest},
        {"fastest_requests", fastest},
        {"starved", result.starved()},
        {"longest_starvation_ns", result.longest_starvation_ns
                                      ? nlohmann::json(*result.longest_starvation_ns)
                                      : nlohmann::json()},
        {"requests_per_client", result.requests_per_connection}}},
      {"client",
       {{"cpu_ns_per_request", requests > 0
                                   ? nlohmann::json(result.client_cpu_ns / requests)
                                   : nlohmann::json()},
        {"cpu_cores_used", result.client_cores_used()},
        {"memory_bytes", result.memory_bytes},
        {"threads", plan.threads}}}};
  if (result.details) add_details(row, *result.details);
  if (plan.workload.is_open()) row["offered"] = offered_json(result);
  if (result.noise) row["noise"] = noise_json(*result.noise);
  if (const auto law = littles_law(plan, result))
    row["littles_law"] = {{"places", law->places},
                          {"outstanding", law->outstanding},
                          {"tolerance", law->tolerance}};
  if (plan.http && plan.http->get) row["reply_body_bytes"] = result.reply_bytes;
  if (result.datagrams.sent > 0) row["datagrams"] = datagrams_json(result.datagrams);
  return row;
}

nlohmann::json load_row(const LoadPlan& plan, const LoadResult& result,
                        const Judgement& judgement, double started_unix_seconds) {
  auto row = load_json(plan, result);
  row["schema_version"] = load_schema_version;
  row["started_unix_seconds"] = started_unix_seconds;
  row["plan"] = plan_json(plan);
  row["class"] = class_json(plan);
  row["classes"] = nlohmann::json::array();
  for (std::size_t i = 0; i < result.company.size(); ++i) {
    auto& other =
        row["classes"].emplace_back(load_json(plan.company[i], result.company[i]));
    other["class"] = class_json(plan.company[i]);
    other["plan"] = plan_json(plan.company[i]);
    other["first_failure"] = result.company[i].first_failure;
  }
  row["verdict"] = verdict_text(judgement.verdict);
  row["reason"] = judgement.reason;
  row["warnings"] = judgement.warnings;
  row["partial"] = result.interrupted;
  row["client_ceiling"] = ceiling_json(result.ceiling, result.requests_per_second());
  return row;
}

std::string load_table(const LoadPlan& plan, const LoadResult& result,
                       const Judgement& judgement) {
  const auto [slowest, fastest] = slowest_and_fastest(result);
  std::string table = fmt::format(
      "{}: {}, {} connections x {} outstanding, {}, {} thread{}\n", plan.server.text(),
      plan.workload.text(), plan.connections, plan.pipeline, request_text(plan),
      plan.threads, plan.threads == 1 ? "" : "s");
  if (!plan.name.empty())
    table += line("class",
                  fmt::format("{}, {}: leads", plan.name, manners_text(plan.manners)));
  if (plan.work) table += line("work", "each request " + work_text(plan));
  if (plan.http) table += line("http", http_text(plan, result));
  table += line("throughput",
                fmt::format("{:>10} requests/s   {} verified in {}",
                            show_count(result.requests_per_second()), result.requests,
                            show_duration(result.seconds * 1e9)));
  table += times_lines(plan, result);
  table += line("fairness", fmt::format("Jain {:.3f}   slowest {} fastest {}   {} of {} "
                                        "connections had no reply",
                                        result.jain(), slowest, fastest, result.starved(),
                                        result.requests_per_connection.size()));
  if (result.longest_starvation_ns)
    table +=
        line("starvation",
             fmt::format("{} at the longest between two replies that a connection "
                         "waited for",
                         show_time(static_cast<double>(*result.longest_starvation_ns))));
  if (result.requests > 0)
    table += line("client", fmt::format("{} CPU per request   {:.2f} cores used",
                                        show_time(result.client_cpu_ns /
                                                  static_cast<double>(result.requests)),
                                        result.client_cores_used()));
  if (result.noise) table += line("noise", noise_text(*result.noise));
  table += line("client ceiling",
                plan.http && plan.http->get
                    ? "unknown: a GET's depends on what it brings"
                    : ceiling_text(result.ceiling, result.requests_per_second()));
  const DatagramCounts& datagrams = result.datagrams;
  if (datagrams.sent > 0)
    table += line("datagrams", fmt::format("{}   {} late   {} duplicated   {} reordered",
                                           lost_text(datagrams), datagrams.late,
                                           datagrams.duplicated, datagrams.reordered));
  table += line("errors", errors_text(result.errors));
  table += company_table(plan, result);
  for (const std::string& warning : judgement.warnings) table += line("warning", warning);
  table += line("verdict",
                fmt::format("{}{}{}", verdict_text(judgement.verdict),
                            judgement.reason.empty() ? "" : ": ", judgement.reason));
  return table;
}

}  // namespace echolab
