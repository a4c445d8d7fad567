#include "bench/demand.hpp"

#include <algorithm>
#include <chrono>
#include <string>

#include "bench/metric.hpp"
#include "common/program.hpp"

namespace echolab {
namespace {

/// A load over 127.0.0.1 takes the next source address after so many connections
/// (clients/load_loop.hpp), and every one of them from another after the last.
constexpr std::uint64_t connections_per_source = 8'192;
/// More than a server or a client accepts or makes on one core.
constexpr double fast_churn_per_second = 20'000;

bool has_task_per_client(const Contestant& one) {
  if (one.is_ceiling) return false;
  if (one.model == nullptr) return true;  // who knows
  const Axes& axes = one.model->axes;
  return axes.growth == "per_client" && (axes.unit == "process" || axes.unit == "thread");
}

/// --backlog as a level gives it to its servers.
std::optional<std::uint64_t> backlog_of(const Start& start) {
  const auto option =
      std::find(start.arguments.begin(), start.arguments.end(), "--backlog");
  if (option == start.arguments.end() || option + 1 == start.arguments.end())
    return std::nullopt;
  return parse_count(*(option + 1));
}

std::uint64_t connects_at_once(const LoadPlan& load) {
  std::uint64_t all =
      std::min<std::uint64_t>(load.connections, load.connects_at_once * load.threads);
  for (const LoadPlan& other : load.company) all += connects_at_once(other);
  return all;
}

/// Of one population. Who resets leaves nothing behind.
double ends_in_order(const LoadPlan& load) {
  const bool ends =
      load.manners.is_reborn() && load.manners.ending == Manners::Ending::fin;
  if (!ends) return 0;
  const std::chrono::duration<double> length = load.warm_up + load.duration;
  return fast_churn_per_second * length.count();
}

std::uint64_t left_behind(const LoadPlan& load) {
  double all = ends_in_order(load);
  for (const LoadPlan& other : load.company) all += ends_in_order(other);
  return static_cast<std::uint64_t>(all);
}

void add_ports(Demand& demand, const LoadPlan& load, const Endpoint& endpoint) {
  std::uint64_t held = connections_of(load);
  std::uint64_t left = endpoint.is_datagram() ? 0 : left_behind(load);
  const bool is_loopback4 = endpoint.host.starts_with("127.");
  if (is_loopback4) {
    held = std::min(held, connections_per_source);
    left = std::min(left, connections_per_source);
  }
  demand.ports = std::max(demand.ports, held);
  demand.ports_left_behind = std::max(demand.ports_left_behind, left);
  if (!is_loopback4 && endpoint.host != "::1" && endpoint.host != "localhost")
    demand.is_over_loopback = false;
}

}  // namespace

Demand demand_of(const CampaignPlan& plan) {
  Demand demand{
      .placement = plan.placement,
      .clients = 0,
      .most_clients = 0,
      .has_task_per_client = std::ranges::any_of(plan.contestants, has_task_per_client),
      .queue = 0,
      .ports = 0,
      .ports_left_behind = 0,
      .is_over_loopback = true};
  for (const Level& level : plan.levels)
    for (const Contestant& one : plan.contestants) {
      if (!serves(one, level)) continue;
      const Start start = start_at(plan, level);
      const Endpoint& endpoint = start.endpoint_of(one);
      demand.clients =
          std::max<std::uint64_t>(demand.clients, connections_of(level.load));
      if (!endpoint.is_datagram())
        demand.queue = std::max(demand.queue,
                                backlog_of(start).value_or(connects_at_once(level.load)));
      if (!endpoint.is_local()) add_ports(demand, level.load, endpoint);
    }
  demand.most_clients = demand.clients;
  return demand;
}

}  // namespace echolab
