#include "bench/baseline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "common/program.hpp"

namespace echolab {
namespace {

std::string wanted(const CampaignPlan& plan) {
  return plan.baseline.empty() ? std::string(plan.experiment->baseline) : plan.baseline;
}

}  // namespace

std::size_t baseline_of(const CampaignPlan& plan) {
  const auto found = std::ranges::find(plan.contestants, wanted(plan), &Contestant::name);
  return found == plan.contestants.end()
             ? 0
             : static_cast<std::size_t>(found - plan.contestants.begin());
}

std::string baseline_name(const CampaignPlan& plan) {
  return plan.contestants.empty() ? wanted(plan)
                                  : plan.contestants[baseline_of(plan)].name;
}

void check_baseline(const CampaignPlan& plan) {
  if (plan.baseline.empty()) return;
  std::vector<std::string> names;
  for (const Contestant& one : plan.contestants) names.push_back(one.name);
  if (std::ranges::count(names, plan.baseline) > 0) return;
  for (const auto& [one, reason] : plan.absent)
    if (one.name == plan.baseline)
      throw UsageError(
          fmt::format("--baseline: {} cannot run here: {}", one.name, reason));
  throw UsageError(
      fmt::format("--baseline: '{}' is none of the servers compared{}; they "
                  "are {}",
                  plan.baseline, nearest(plan.baseline, names), fmt::join(names, ", ")));
}

}  // namespace echolab
