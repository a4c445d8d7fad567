#include "bench/capacity_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "bench/capacity_trials.hpp"
#include "common/units.hpp"

namespace echolab {
namespace {

bool is_client_bound(const Capacity::Part& part) {
  const auto bound = std::ranges::count(part.trials, verdict_text(Verdict::client_bound),
                                        &Capacity::Trial::verdict);
  return 2 * static_cast<std::size_t>(bound) > part.trials.size();
}

/// "8.12k requests/s of epoll_level at 256 clients (7.90k to 8.30k)"
std::string part_text(const Capacity::Part& part) {
  std::vector<double> rates;
  for (const Capacity::Trial& trial : part.trials)
    rates.push_back(trial.requests_per_second);
  const auto [least, most] = std::ranges::minmax(rates);
  return fmt::format("{}{} requests/s of {} at {} ({} to {})",
                     is_client_bound(part) ? "at least " : "",
                     show_count(part.requests_per_second), part.model, part.name,
                     show_count(least), show_count(most));
}

}  // namespace

std::string capacity_ahead(const CampaignPlan& plan) {
  const CampaignPlan own = capacity_plan(plan);
  std::vector<std::string> names;
  for (const Contestant& one : own.contestants) names.push_back(one.name);
  return fmt::format(
      "measured first: the capacity of {}, of which a share is offered, in {} closed "
      "loop{} x {} rounds",
      fmt::join(names, " and "), own.levels.size(), own.levels.size() == 1 ? "" : "s",
      own.rounds);
}

std::string capacity_text(const Capacity& capacity) {
  std::vector<std::string> parts;
  for (const Capacity::Part& part : capacity.parts) parts.push_back(part_text(part));
  const bool bound = std::ranges::any_of(capacity.parts, is_client_bound);
  return fmt::format(
      "Capacity, of which a share is offered: {}, medians (and ranges) of {} closed "
      "loops each, before the campaign{}.",
      fmt::join(parts, ", "), capacity.rounds,
      bound ? "; at least: the client was the limit" : "");
}

}  // namespace echolab
