#include "bench/metric.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "common/time_unit.hpp"

namespace echolab {
namespace {

std::optional<double> above_zero(double figure) {
  return figure > 0 ? std::optional(figure) : std::nullopt;
}

template <int percent>
std::optional<double> response_ns(const Trial& trial, const LoadPlan& /*load*/) {
  const auto ns = trial.load.response.quantile_ns(percent / 100.0);
  return ns ? above_zero(static_cast<double>(*ns)) : std::nullopt;
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

/// Of those that end and are followed by others, at their steady pace in the window.
std::optional<double> connections_per_second(const Trial& trial, const LoadPlan& load) {
  if (!load.manners.is_reborn()) return std::nullopt;
  return above_zero(trial.load.requests_per_second() /
                    static_cast<double>(load.manners.requests));
}

std::optional<double> pss_per_client(const Trial& trial, const LoadPlan& load) {
  const double grown = static_cast<double>(trial.server.size.pss_bytes) -
                       static_cast<double>(trial.server.pss_bytes_idle);
  return above_zero(grown / static_cast<double>(connections_of(load)));
}

std::optional<double> connect_p99_ns(const Trial& trial, const LoadPlan& /*load*/) {
  return trial.connect ? above_zero(trial.connect->p99_ns) : std::nullopt;
}

constexpr Metric metrics[] = {
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
    {"connections_per_second", "conn/s", "connections per second", true,
     connections_per_second, show_count},
};

}  // namespace

const Metric& find_metric(std::string_view name) {
  const auto* const found = std::ranges::find(metrics, name, &Metric::name);
  if (found == std::end(metrics))
    throw std::out_of_range(fmt::format("'{}' is no metric", name));
  return *found;
}

std::size_t connections_of(const LoadPlan& load) {
  std::size_t sum = load.connections;
  for (const LoadPlan& other : load.company) sum += other.connections;
  return sum;
}

}  // namespace echolab
