#include "bench/campaign_precision.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace echolab {
namespace {

std::size_t baseline_of(const CampaignPlan& plan) {
  const auto found =
      std::ranges::find(plan.contestants, plan.experiment->baseline, &Contestant::name);
  return found == plan.contestants.end()
             ? 0
             : static_cast<std::size_t>(found - plan.contestants.begin());
}

Precision reached(const CampaignPlan& plan, const std::vector<CampaignRow>& rows) {
  return precision_of(wanted_ratios(plan, rows), plan.precision);
}

}  // namespace

std::vector<RatioSeries> wanted_ratios(const CampaignPlan& plan,
                                       const std::vector<CampaignRow>& rows) {
  const Metric& metric = find_metric(plan.experiment->metric);
  const std::size_t baseline = baseline_of(plan);
  std::vector<RatioSeries> all;
  for (std::size_t level = 0; level < plan.levels.size(); ++level) {
    const auto base = figures_of(plan, rows, baseline, level, metric);
    for (std::size_t i = 0; i < plan.contestants.size(); ++i) {
      const Contestant& one = plan.contestants[i];
      if (i == baseline || !one.twin_of.empty() || one.is_ceiling) continue;
      auto ratios = ratios_of(figures_of(plan, rows, i, level, metric), base);
      if (!ratios.empty())
        all.push_back(
            {fmt::format("{} at {}", one.name, plan.levels[level].name), ratios});
    }
  }
  return all;
}

std::string why_precise_enough(const CampaignPlan& plan,
                               const std::vector<CampaignRow>& rows) {
  if (plan.precision <= 0) return "";
  const auto ratios = wanted_ratios(plan, rows);
  if (!may_stop(ratios, plan.precision)) return "";
  return precision_text(precision_of(ratios, plan.precision));
}

std::string precision_in_words(const CampaignPlan& plan,
                               const std::vector<CampaignRow>& rows) {
  if (plan.precision <= 0) return "";
  return precision_text(reached(plan, rows));
}

nlohmann::json precision_json(const CampaignPlan& plan,
                              const std::vector<CampaignRow>& rows) {
  if (plan.precision <= 0) return nullptr;
  const Precision precision = reached(plan, rows);
  auto missed = nlohmann::json::array();
  for (const Precision::Miss& miss : precision.missed)
    missed.push_back({{"name", miss.name},
                      {"half_width", miss.half_width ? nlohmann::json(*miss.half_width)
                                                     : nlohmann::json()}});
  return {{"wanted", precision.wanted},
          {"ratios", precision.ratios},
          {"missed", std::move(missed)}};
}

}  // namespace echolab
