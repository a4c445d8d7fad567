#include "bench/twin.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace echolab {
namespace {

const Contestant* twin_in(const CampaignPlan& plan) {
  const auto twin = std::ranges::find_if(
      plan.contestants, [](const Contestant& one) { return !one.twin_of.empty(); });
  return twin == plan.contestants.end() ? nullptr : &*twin;
}

}  // namespace

void add_twin(CampaignPlan& plan) {
  const auto baseline =
      std::ranges::find(plan.contestants, plan.experiment->baseline, &Contestant::name);
  Contestant twin =
      baseline == plan.contestants.end() ? plan.contestants.front() : *baseline;
  twin.twin_of = twin.name;
  twin.name += "(A/A)";
  plan.contestants.push_back(std::move(twin));
}

Range twin_ratio(const CampaignPlan& plan, const std::vector<CampaignRow>& rows,
                 std::size_t level) {
  const Contestant* twin = twin_in(plan);
  if (twin == nullptr) return {};
  const auto original =
      std::ranges::find(plan.contestants, twin->twin_of, &Contestant::name);
  const Metric& metric = find_metric(plan.experiment->metric);
  const auto figures = [&](const Contestant& one) {
    return figures_of(plan, rows,
                      static_cast<std::size_t>(&one - plan.contestants.data()), level,
                      metric);
  };
  return range_of(ratios_of(figures(*twin), figures(*original)));
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
