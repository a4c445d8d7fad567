#include "bench/claims.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bench/twin.hpp"

namespace echolab {
namespace {

/// What a claim is held against: more over less, round by round.
struct Finding {
  std::size_t level;
  Range ratio;
};

std::size_t index_of(const CampaignPlan& plan, std::string_view model) {
  const auto found = std::ranges::find(plan.contestants, model, &Contestant::name);
  return static_cast<std::size_t>(found - plan.contestants.begin());
}

/// At the claim's level, or at the greatest that both have figures for.
std::optional<Finding> find(const CampaignPlan& plan,
                            const std::vector<CampaignRow>& rows, const Claim& claim) {
  const std::size_t less = index_of(plan, claim.less);
  const std::size_t more = index_of(plan, claim.more);
  const Metric& metric = find_metric(claim.metric);
  for (std::size_t level = plan.levels.size(); level-- > 0;) {
    if (claim.at && plan.levels[level].at != *claim.at) continue;
    const Range ratio = range_of(ratios_of(figures_of(plan, rows, more, level, metric),
                                           figures_of(plan, rows, less, level, metric)));
    if (ratio.n > 0) return Finding{level, ratio};
  }
  return std::nullopt;
}

std::string outcome(const Range& ratio, double factor) {
  if (ratio.least > 1 && ratio.median > factor) return "the same order";
  if (ratio.most < 1 && ratio.median < 1 / factor) return "the reverse";
  return "no difference was shown";
}

}  // namespace

std::vector<std::string> claims_in_words(const CampaignPlan& plan,
                                         const std::vector<CampaignRow>& rows) {
  std::vector<std::string> texts;
  for (const Claim& claim : plan.experiment->claims) {
    const auto found = find(plan, rows, claim);
    if (!found) continue;
    const Metric& metric = find_metric(claim.metric);
    const std::string order =
        outcome(found->ratio, tie_factor(twin_ratio(plan, rows, found->level)));
    const Range& ratio = found->ratio;
    std::string text = fmt::format("Claim: {} ({}). ", claim.text, claim.source);
    text += fmt::format(
        "Here, at {}: {}; {} has {:.2f} times [{:.2f} to {:.2f}] the {} of "
        "{}{}.",
        plan.levels[found->level].name, order, claim.more, ratio.median, ratio.least,
        ratio.most, metric.words, claim.less, ratio.n == 1 ? ", in a single round" : "");
    if (order != "the same order")
      text += fmt::format(" It may differ because {}.", claim.why_not);
    texts.push_back(std::move(text));
  }
  return texts;
}

}  // namespace echolab
