#include "bench/campaign_precision.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bench/baseline.hpp"

namespace echolab {
namespace {

bool is_wanted(const CampaignPlan& plan) {
  return plan.precision > 0;
}

Precision reached(const CampaignPlan& plan, const std::vector<CampaignRow>& rows) {
  return precision_of(wanted_ratios(plan, rows),
                      is_wanted(plan) ? plan.precision : default_precision);
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
  if (!is_wanted(plan)) return "";
  const auto ratios = wanted_ratios(plan, rows);
  if (!may_stop(ratios, plan.precision)) return "";
  return precision_text(precision_of(ratios, plan.precision));
}

std::string precision_in_words(const CampaignPlan& plan,
                               const std::vector<CampaignRow>& rows) {
  const Precision precision = reached(plan, rows);
  if (precision.ratios == 0) return "";
  if (is_wanted(plan)) return precision_text(precision);
  const bool has_any = std::ranges::any_of(
      precision.missed, [](const auto& miss) { return miss.half_width.has_value(); });
  if (!has_any && precision.missed.size() == precision.ratios)
    return fmt::format(
        "precise to {:.2g} %: none of {}, for fewer than 6 rounds have no "
        "interval",
        precision.wanted * 100, precision.ratios);
  constexpr std::size_t few = 3;  // nobody asked
  return precision_text(precision, few);
}

nlohmann::json precision_json(const CampaignPlan& plan,
                              const std::vector<CampaignRow>& rows) {
  const Precision precision = reached(plan, rows);
  if (precision.ratios == 0 && !is_wanted(plan)) return nullptr;
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
