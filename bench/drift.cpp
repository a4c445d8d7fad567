#include "bench/drift.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bench/baseline.hpp"
#include "bench/metric.hpp"

namespace echolab {
Range drift_of(const CampaignPlan& plan, const std::vector<CampaignRow>& rows) {
  const std::uint64_t rounds = rounds_in(rows);
  const std::uint64_t third = rounds / 3;
  if (third == 0 || plan.contestants.empty()) return {};
  const Metric& metric = find_metric(plan.experiment->metric);
  std::vector<double> ratios;
  for (std::size_t level = 0; level < plan.levels.size(); ++level) {
    std::vector<double> first;
    std::vector<double> last;
    for (const auto& [round, figure] :
         figures_of(plan, rows, baseline_of(plan), level, metric)) {
      if (round < third) first.push_back(figure);
      if (round >= rounds - third) last.push_back(figure);
    }
    const double before = range_of(first).median;
    const double after = range_of(last).median;
    if (before > 0 && after > 0) ratios.push_back(after / before);
  }
  if (ratios.empty()) return {};
  const auto [least, most] = std::ranges::minmax(ratios);
  return {range_of(ratios).median, least, most, ratios.size()};
}

std::string drift_in_words(const CampaignPlan& plan,
                           const std::vector<CampaignRow>& rows) {
  const Range drift = drift_of(plan, rows);
  if (drift.n == 0) return "";
  const std::uint64_t third = rounds_in(rows) / 3;
  const auto rounds = third == 1 ? std::string("round") : fmt::format("{} rounds", third);
  std::string levels;
  if (drift.n > 1)
    levels =
        fmt::format(" ({:.2f} to {:.2f} at {} loads)", drift.least, drift.most, drift.n);
  std::string text = fmt::format(
      "Drift: {} had {:.2f} times as much {} in the last {} as in the first{}{}.",
      baseline_name(plan), drift.median, find_metric(plan.experiment->metric).words,
      rounds, third == 1 ? std::string() : fmt::format(" {}", third), levels);
  constexpr double much = 1.1;
  if (drift.median <= much && drift.median >= 1 / much) return text;
  return text +
         " The machine changed meanwhile: ratios hold, as they are taken within a round; "
         "figures are a mixture.";
}

}  // namespace echolab
