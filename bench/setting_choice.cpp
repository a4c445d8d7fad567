#include "bench/setting_choice.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bench/twin.hpp"

namespace echolab {
namespace {

using Settings = std::vector<SettingFigures>;
using Indices = std::vector<std::size_t>;

template <class Condition>
Indices those(const Settings& settings, const Indices& among, Condition condition) {
  Indices kept;
  for (const std::size_t i : among)
    if (condition(settings[i])) kept.push_back(i);
  return kept;
}

bool is_whole(const SettingFigures& one) {
  return one.failed == 0;
}

/// Whom nobody has to wait for in vain, or else whoever leaves no more than the default.
Indices fair_ones(const Settings& settings, const Indices& among) {
  auto fair = those(settings, among, [](const auto& one) { return one.starved == 0; });
  if (!fair.empty()) return fair;
  const double most = settings.front().starved;
  fair = those(settings, among, [&](const auto& one) { return one.starved <= most; });
  return fair.empty() ? among : fair;
}

Indices eligible(const Settings& settings) {
  Indices measured;
  for (std::size_t i = 0; i < settings.size(); ++i)
    if (!settings[i].by_round.empty()) measured.push_back(i);
  const auto whole = those(settings, measured, is_whole);
  return fair_ones(settings, whole.empty() ? measured : whole);
}

/// Beyond the noise.
bool is_better(const Range& ratio, const Metric& metric) {
  if (ratio.n == 0) return false;
  const double tie = tie_factor({});
  return metric.more_is_better ? ratio.median > tie && ratio.least > 1
                               : ratio.median < 1 / tie && ratio.most < 1;
}

std::string ratio_text(const Range& ratio, const Metric& metric) {
  return fmt::format("{:.2f} times the {} [{:.2f} to {:.2f}]", ratio.median, metric.head,
                     ratio.least, ratio.most);
}

std::string why_not_usual(const SettingFigures& usual) {
  if (usual.failed > 0)
    return fmt::format("the default failed in {} trial{}", usual.failed,
                       usual.failed == 1 ? "" : "s");
  if (usual.by_round.empty()) return "the default has no figure";
  return fmt::format("the default left {:.0f} clients without a reply", usual.starved);
}

}  // namespace

double SettingFigures::median() const {
  std::vector<double> figures;
  for (const auto& [round, figure] : by_round) figures.push_back(figure);
  return range_of(figures).median;
}

SettingChoice choose_setting(const Settings& settings, const Metric& metric) {
  const Indices among = eligible(settings);
  if (among.empty()) return {0, {}, "no setting has a figure"};
  const auto best = *std::ranges::min_element(among, [&](std::size_t a, std::size_t b) {
    const double some = settings[a].median();
    const double others = settings[b].median();
    return metric.more_is_better ? some > others : some < others;
  });
  if (best == 0) return {0, {}, "no other is better"};
  const SettingFigures& usual = settings.front();
  const Range ratio = range_of(ratios_of(settings[best].by_round, usual.by_round));
  if (std::ranges::count(among, 0U) == 0) return {best, ratio, why_not_usual(usual)};
  const std::string text = ratio_text(ratio, metric);
  if (is_better(ratio, metric)) return {best, ratio, text};
  return {0, ratio,
          fmt::format("{} is no better beyond the noise, {}", settings[best].text, text)};
}

}  // namespace echolab
