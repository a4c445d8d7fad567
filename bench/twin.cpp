#include "bench/twin.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bench/baseline.hpp"
#include "bench/inference.hpp"

namespace echolab {
namespace {

const Contestant* twin_in(const CampaignPlan& plan) {
  const auto twin = std::ranges::find_if(plan.contestants, [](const Contestant& one) {
    return !one.twin_of.empty() && !one.is_closed;
  });
  return twin == plan.contestants.end() ? nullptr : &*twin;
}

}  // namespace

void add_twin(CampaignPlan& plan) {
  Contestant twin = plan.contestants[baseline_of(plan)];
  twin.twin_of = twin.name;
  twin.name += "(A/A)";
  plan.contestants.push_back(std::move(twin));
}

std::vector<double> twin_ratios(const CampaignPlan& plan,
                                const std::vector<CampaignRow>& rows, std::size_t level,
                                const Metric& metric) {
  const Contestant* twin = twin_in(plan);
  if (twin == nullptr) return {};
  const auto original =
      std::ranges::find(plan.contestants, twin->twin_of, &Contestant::name);
  if (original == plan.contestants.end()) return {};
  const auto figures = [&](const Contestant& one) {
    return figures_of(plan, rows,
                      static_cast<std::size_t>(&one - plan.contestants.data()), level,
                      metric);
  };
  return ratios_of(figures(*twin), figures(*original));
}

double tie_factor(const std::vector<double>& twins) {
  if (twins.empty()) return least_tie_factor;
  const Range itself = range_of(twins);
  return std::max({least_tie_factor, itself.most, 1 / itself.least});
}

bool is_tie(const Range& ratio, double factor) {
  return (ratio.least <= 1 && 1 <= ratio.most) ||
         (1 / factor <= ratio.median && ratio.median <= factor);
}

std::string ties_in_words(const std::vector<TieBand>& bands) {
  std::string text =
      "ties: differences of less than 2 %, or than the A/A pair shows where that is "
      "more: here ";
  const bool is_one = std::ranges::all_of(
      bands, [&](const TieBand& band) { return band.factor == bands.front().factor; });
  if (bands.empty() || is_one)
    return text + fmt::format("up to {:.2f}x at each load.",
                              bands.empty() ? least_tie_factor : bands.front().factor);
  for (const TieBand& band : bands)
    text += fmt::format("{}up to {:.2f}x at {}", &band == bands.data() ? "" : ", ",
                        band.factor, band.level);
  return text + ".";
}

std::string twin_text(const CampaignPlan& plan, const std::vector<double>& twins) {
  const Contestant* twin = twin_in(plan);
  if (twin == nullptr) return "";
  if (twins.empty()) return fmt::format(" {} has no round with a figure.", twin->name);
  const Range range = range_of(twins);
  return fmt::format(
      " {} against itself (A/A): {:.2f}x [{:.2f} to {:.2f}]; differences up to {:.2f}x "
      "are ties.",
      twin->twin_of, range.median, range.least, range.most, tie_factor(twins));
}

}  // namespace echolab
