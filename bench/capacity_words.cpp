#include "bench/capacity_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "bench/campaign_cell.hpp"
#include "bench/capacity_trials.hpp"
#include "common/time_unit.hpp"
#include "common/units.hpp"

namespace echolab {
namespace {

bool is_client_bound(const Capacity::Part& part) {
  const auto bound = std::ranges::count(
      part.trials, verdict_text(Verdict::client_bound), &Capacity::Trial::verdict);
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

/// One server, one work, as many clients: who waits for a reply before he asks, and who
/// does not, see different response times.
std::string contrast_in_words(const CampaignPlan& plan,
                              const std::vector<CampaignRow>& rows) {
  const Capacity::Part& part = plan.capacity->parts.front();
  std::vector<double> closed;
  for (const Capacity::Trial& trial : part.trials)
    if (trial.p99_ns > 0) closed.push_back(trial.p99_ns);
  const Metric& p99 = find_metric("p99_ns");
  const std::size_t last = plan.levels.size() - 1;
  const Range open = cell_of(plan, rows, index_of(plan, part.model), last, p99).main();
  if (closed.empty() || open.n == 0) return "";
  const double waited = range_of(closed).median;
  return fmt::format(
      "Open and closed loops differ (Schroeder, Wierman, Harchol-Balter, NSDI 2006). "
      "Here: at {} the p99 of {} is {}, and was {} in the closed loops that measured its "
      "capacity, before the campaign: {:.1f} times.",
      plan.levels[last].name, part.model, show_time(open.median), show_time(waited),
      open.median / waited);
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

std::vector<std::string> capacity_in_words(const CampaignPlan& plan,
                                           const std::vector<CampaignRow>& rows) {
  if (!plan.capacity) return {};
  std::vector<std::string> all = {capacity_text(*plan.capacity)};
  if (plan.rate) return all;
  if (std::string contrast = contrast_in_words(plan, rows); !contrast.empty())
    all.push_back(std::move(contrast));
  return all;
}

}  // namespace echolab
