// The A/A pair: one contestant measured twice in each round, under two names.
#pragma once

#include "bench/campaign.hpp"

namespace echolab {

/// Adds the twin, `NAME(A/A)`, of the experiment's baseline or, without it, of the
/// first contestant.
void add_twin(CampaignPlan& plan);

/// A metric of the twin over that of the same contestant, round by round, in the trials
/// that count: what differs though nothing does. Empty where there is none.
std::vector<double> twin_ratios(const CampaignPlan& plan,
                                const std::vector<CampaignRow>& rows, std::size_t level,
                                const Metric& metric);

/// A server that has up to so many times as much as another is no different: how far from
/// 1 the 95 % interval of the A/A ratio reaches (of fewer than 6 rounds their
/// range), 1.02 at least. One round that was disturbed does not void a campaign. The
/// report's rule is the same.
double tie_factor(const std::vector<double>& twins);

/// No difference: 1 is within the interval, or the median within the factor.
bool is_tie(const Range& ratio, double factor);

/// The tie_factor() of a load.
struct TieBand {
  std::string level;
  double factor;
};

/// "ties: differences of less than 2 %, or than the A/A pair shows where that is more:
/// here up to 1.05x at 1 client, 1.02x at 16 clients."
std::string ties_in_words(const std::vector<TieBand>& bands);

/// " epoll_level against itself (A/A): 1.01x [0.98 to 1.04]; differences up to 1.05x are
/// ties." Empty without a twin.
std::string twin_text(const CampaignPlan& plan, const std::vector<double>& twins);

}  // namespace echolab
