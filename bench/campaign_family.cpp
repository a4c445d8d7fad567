#include "bench/campaign_family.hpp"

#include <algorithm>

#include "bench/sign_flips.hpp"
#include "bench/twin.hpp"

namespace echolab {
namespace {

constexpr double chance = 0.05;  // of a false alarm in the whole family

bool is_compared(const Contestant& one) {
  return (one.twin_of.empty() || one.is_closed) && !one.is_ceiling;
}

/// Who is asked in a closed loop is compared with itself in an open one, and nobody else.
bool are_compared(const Contestant& a, const Contestant& b) {
  if (a.is_closed) return a.twin_of == b.name;
  return !b.is_closed || b.twin_of == a.name;
}

RatiosByRound ratios_by_round(const std::map<std::uint64_t, double>& some,
                              const std::map<std::uint64_t, double>& others) {
  RatiosByRound ratios;
  for (const auto& [round, figure] : some)
    if (const auto other = others.find(round); other != others.end())
      ratios[round] = figure / other->second;
  return ratios;
}

}  // namespace

Shown shown_of(const Range& ratio, double p, double factor) {
  if (ratio.n < fewest_rounds) return Shown::too_few;
  return p < chance && !is_tie(ratio, factor) ? Shown::different : Shown::tie;
}

CampaignFamily::CampaignFamily(const CampaignPlan& plan,
                               const std::vector<CampaignRow>& rows,
                               const Metric& metric) {
  std::vector<Point> points;
  for (std::size_t level = 0; level < plan.levels.size(); ++level)
    for (std::size_t i = 0; i < plan.contestants.size(); ++i)
      if (is_compared(plan.contestants[i]))
        points.push_back({i, level, figures_of(plan, rows, i, level, metric)});
  const bool has_no_order = plan.experiment->scale() == Experiment::Scale::category;
  std::vector<Key> keys;
  std::vector<RatiosByRound> family;
  for (std::size_t a = 0; a < points.size(); ++a)
    for (std::size_t b = a + 1; b < points.size(); ++b) {
      const bool is_at_one_level = points[a].level == points[b].level;
      const bool is_of_one = points[a].contestant == points[b].contestant;
      if (!is_at_one_level && !(is_of_one && has_no_order)) continue;
      if (!are_compared(plan.contestants[points[a].contestant],
                        plan.contestants[points[b].contestant]))
        continue;
      keys.push_back(key_of(points[a], points[b]));
      family.push_back(ratios_by_round(points[a].figures, points[b].figures));
    }
  const std::vector<double> p = sign_flip_p(family);
  for (std::size_t i = 0; i < keys.size(); ++i) p_[keys[i]] = p[i];
}

CampaignFamily::Key CampaignFamily::key_of(const Point& a, const Point& b) {
  return {a.level, a.contestant, b.level, b.contestant};
}

double CampaignFamily::p(std::size_t level, std::size_t one, std::size_t other) const {
  const auto [a, b] = std::minmax(one, other);
  const auto found = p_.find({level, a, level, b});
  return found == p_.end() ? 1 : found->second;
}

}  // namespace echolab
