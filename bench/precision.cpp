#include "bench/precision.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "bench/inference.hpp"

namespace echolab {
namespace {

double width_of(const Precision::Miss& miss) {
  return miss.half_width.value_or(std::numeric_limits<double>::infinity());
}

/// "0.5 %", "2.4 %", "120 %": two digits, or all before the point.
std::string percent(double share) {
  return share < 0.1 ? fmt::format("{:.2g} %", share * 100)
                     : fmt::format("{:.0f} %", share * 100);
}

std::string missed_text(const Precision::Miss& miss) {
  return miss.half_width ? fmt::format("{} (± {})", miss.name, percent(*miss.half_width))
                         : fmt::format("{} (fewer than 6 rounds)", miss.name);
}

}  // namespace

std::optional<double> half_width(const std::vector<double>& ratios) {
  const auto interval = median_interval(ratios);
  if (!interval) return std::nullopt;
  return std::max(interval->high / interval->middle, interval->middle / interval->low) -
         1;
}

Precision precision_of(const std::vector<RatioSeries>& all, double wanted) {
  Precision precision{.wanted = wanted, .ratios = all.size(), .missed = {}};
  for (const RatioSeries& one : all) {
    const auto width = half_width(one.by_round);
    if (!width || *width > wanted) precision.missed.push_back({one.name, width});
  }
  std::ranges::stable_sort(precision.missed, std::ranges::greater{}, width_of);
  return precision;
}

bool may_stop(const std::vector<RatioSeries>& all, double wanted) {
  if (all.empty() || !precision_of(all, wanted).is_reached()) return false;
  std::vector<RatioSeries> before = all;
  for (RatioSeries& one : before) one.by_round.pop_back();
  return precision_of(before, wanted).is_reached();
}

std::string precision_text(const Precision& precision, std::size_t most) {
  const std::vector<Precision::Miss>& missed = precision.missed;
  std::string text =
      fmt::format("precise to {}: {} of {} ratio{}", percent(precision.wanted),
                  precision.ratios - missed.size(), precision.ratios,
                  precision.ratios == 1 ? "" : "s");
  const std::size_t told = missed.size() > most ? most - 1 : missed.size();
  for (std::size_t i = 0; i < told; ++i)
    text += (i == 0 ? "; missed: " : ", ") + missed_text(missed[i]);
  if (told < missed.size()) text += fmt::format(" and {} more", missed.size() - told);
  return text;
}

}  // namespace echolab
