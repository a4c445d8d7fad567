#include "bench/twin.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace echolab {
namespace {

const Contestant* twin_in(const CampaignPlan& plan) {
  const auto twin = std::ranges::find_if(
      plan.contestants, [](const Contestant& one) { return !one.twin_of.empty(); });
  return twin == plan.contestants.end() ? nullptr : &*twin;
}

/// CPU per request by round, of the trials that count.
std::map<std::uint64_t, double> costs_of(const std::string& name,
                                         const CampaignPlan& plan,
                                         const std::vector<CampaignRow>& rows,
                                         std::uint64_t clients) {
  std::map<std::uint64_t, double> costs;
  for (const CampaignRow& row : rows) {
    const double cost_ns = row.trial.server.cpu_ns_per_request;
    if (row.clients == clients && row.excluded.empty() && cost_ns > 0 &&
        plan.contestants[row.contestant].name == name)
      costs[row.round] = cost_ns;
  }
  return costs;
}

}  // namespace

void add_twin(CampaignPlan& plan) {
  const auto baseline =
      std::ranges::find(plan.contestants, "epoll_level", &Contestant::name);
  Contestant twin =
      baseline == plan.contestants.end() ? plan.contestants.front() : *baseline;
  twin.twin_of = twin.name;
  twin.name += "(A/A)";
  plan.contestants.push_back(std::move(twin));
}

Range twin_ratio(const CampaignPlan& plan, const std::vector<CampaignRow>& rows,
                 std::uint64_t clients) {
  const Contestant* twin = twin_in(plan);
  if (twin == nullptr) return {};
  const auto original = costs_of(twin->twin_of, plan, rows, clients);
  std::vector<double> ratios;
  for (const auto& [round, cost_ns] : costs_of(twin->name, plan, rows, clients))
    if (const auto other = original.find(round); other != original.end())
      ratios.push_back(cost_ns / other->second);
  return range_of(ratios);
}

double tie_factor(const Range& twins) {
  constexpr double least = 1.02;
  return twins.n == 0 ? least : std::max({least, twins.most, 1 / twins.least});
}

std::string twin_text(const CampaignPlan& plan, const Range& twins) {
  const Contestant* twin = twin_in(plan);
  if (twin == nullptr) return "";
  if (twins.n == 0) return fmt::format(" {} has no round with a figure.", twin->name);
  return fmt::format(
      " {} against itself (A/A): {:.2f}x [{:.2f} to {:.2f}]; differences up to {:.2f}x "
      "are ties.",
      twin->twin_of, twins.median, twins.least, twins.most, tie_factor(twins));
}

}  // namespace echolab
