#include "bench/metric.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "common/program.hpp"
#include "common/time_unit.hpp"

namespace echolab {
namespace {

std::optional<double> above_zero(double figure) {
  return figure > 0 ? std::optional(figure) : std::nullopt;
}

constexpr double p999 = 0.999;

std::optional<double> response_ns(const Trial& trial, double quantile) {
  const auto ns = trial.load.response.quantile_ns(quantile);
  return ns ? above_zero(static_cast<double>(*ns)) : std::nullopt;
}

template <int percent>
std::optional<double> response_ns(const Trial& trial, const LoadPlan& /*load*/) {
  return response_ns(trial, percent / 100.0);
}

std::optional<double> p999_ns(const Trial& trial, const LoadPlan& /*load*/) {
  return response_ns(trial, p999);
}

std::optional<double> cpu_ns(const Trial& trial, const LoadPlan& /*load*/) {
  return above_zero(trial.server.cpu_ns_per_request);
}

std::optional<double> rate(const Trial& trial, const LoadPlan& /*load*/) {
  return above_zero(trial.load.requests_per_second());
}

std::optional<double> cpu_ns_per_connection(const Trial& trial, const LoadPlan& load) {
  const auto requests = std::max<std::uint64_t>(load.manners.requests, 1);
  return above_zero(trial.server.cpu_ns_per_request * static_cast<double>(requests));
}

std::optional<double> pss_per_client(const Trial& trial, const LoadPlan& load) {
  const double grown = static_cast<double>(trial.server.size.pss_bytes) -
                       static_cast<double>(trial.server.pss_bytes_idle);
  return above_zero(grown / static_cast<double>(connections_of(load)));
}

std::optional<double> connect_p99_ns(const Trial& trial, const LoadPlan& /*load*/) {
  return trial.connect ? above_zero(trial.connect->p99_ns) : std::nullopt;
}

std::optional<double> switches(const Trial& trial, const LoadPlan& /*load*/) {
  return trial.server.voluntary_switches_per_request +
         trial.server.involuntary_switches_per_request;
}

std::optional<double> processes(const Trial& trial, const LoadPlan& /*load*/) {
  return above_zero(static_cast<double>(trial.server.size.processes));
}

std::optional<double> threads(const Trial& trial, const LoadPlan& /*load*/) {
  return above_zero(static_cast<double>(trial.server.size.threads));
}

/// In an open loop a client without a reply may have had no arrival.
std::optional<double> starved(const Trial& trial, const LoadPlan& load) {
  if (load.workload.is_open()) return std::nullopt;
  return static_cast<double>(trial.load.starved());
}

std::string show_number(double figure) {
  return fmt::format("{:.2f}", figure);
}

constexpr Metric table[] = {
    {"cpu_ns", "CPU/req", "server CPU per request", false, cpu_ns, show_time},
    {"rate", "req/s", "requests per second", true, rate, show_count},
    {"p50_ns", "p50", "response time (p50)", false, response_ns<50>, show_time},
    {"p90_ns", "p90", "response time (p90)", false, response_ns<90>, show_time},
    {"p99_ns", "p99", "response time (p99)", false, response_ns<99>, show_time},
    {"pss_per_client", "PSS/client", "memory per connection", false, pss_per_client,
     show_bytes},
    {"connect_p99_ns", "connect p99", "time to connect (p99)", false, connect_p99_ns,
     show_time},
    {"cpu_ns_per_connection", "CPU/conn", "server CPU per connection", false,
     cpu_ns_per_connection, show_time},
    {"p999_ns", "p99.9", "response time (p99.9)", false, p999_ns, show_time},
    {"max_ns", "max", "longest response time", false, response_ns<100>, show_time},
    {"switches", "switches", "context switches per request", false, switches,
     show_number},
    {"processes", "procs", "processes", false, processes, show_count},
    {"threads", "threads", "threads", false, threads, show_count},
    {"starved", "starved", "clients without one reply", false, starved, show_count},
};

constexpr std::pair<std::string_view, double> quantiles[] = {
    {"p50_ns", 0.5}, {"p90_ns", 0.9}, {"p99_ns", 0.99}, {"p999_ns", p999}, {"max_ns", 1}};

std::string word_of(const Metric& metric) {
  constexpr std::string_view unit = "_ns";
  std::string text(metric.name);
  if (const std::size_t at = text.find(unit); at != text.npos)
    text.erase(at, unit.size());
  return text;
}

}  // namespace

std::span<const Metric> metrics() {
  return table;
}

const Metric& find_metric(std::string_view name) {
  const auto* const found = std::ranges::find(table, name, &Metric::name);
  if (found == std::end(table))
    throw std::out_of_range(fmt::format("'{}' is no metric", name));
  return *found;
}

const Metric& metric_called(std::string_view option, std::string_view given) {
  for (const Metric& one : table)
    if (given == one.name || given == word_of(one) || given == one.head) return one;
  throw UsageError(fmt::format("{}: '{}' is no metric{}  ({})", option, given,
                               nearest(given, metric_words()),
                               fmt::join(metric_words(), ", ")));
}

std::vector<std::string> metric_words() {
  std::vector<std::string> words;
  for (const Metric& one : table) words.push_back(word_of(one));
  return words;
}

MetricKind kind_of(const Metric& metric) {
  return metric.shown == show_time    ? MetricKind::time
         : metric.shown == show_bytes ? MetricKind::bytes
         : metric.shown == show_count ? MetricKind::count
                                      : MetricKind::number;
}

std::optional<double> quantile_of(const Metric& metric) {
  const auto* const found = std::ranges::find(
      quantiles, metric.name, &std::pair<std::string_view, double>::first);
  return found == std::end(quantiles) ? std::nullopt : std::optional(found->second);
}

std::size_t connections_of(const LoadPlan& load) {
  std::size_t sum = load.connections;
  for (const LoadPlan& other : load.company) sum += other.connections;
  return sum;
}

}  // namespace echolab
