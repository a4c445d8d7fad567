// The A/A pair: one contestant measured twice in each round, under two names.
#pragma once

#include "bench/campaign.hpp"

namespace echolab {

/// Adds the twin, `NAME(A/A)`, of the experiment's baseline or, without it, of the
/// first contestant.
void add_twin(CampaignPlan& plan);

/// The headline metric of the twin over that of the same contestant, round by round, in
/// the trials that count: what differs though nothing does. n is 0 where there is none.
Range twin_ratio(const CampaignPlan& plan, const std::vector<CampaignRow>& rows,
                 std::size_t level);

/// A server that has up to so many times as much as another is no different, by what an
/// A/A ratio ranges over: 1.02 at least.
double tie_factor(const Range& twins);

/// "epoll_level against itself (A/A): 1.01x [0.98 to 1.04]; smaller differences are
/// ties." Empty without a twin.
std::string twin_text(const CampaignPlan& plan, const Range& twins);

}  // namespace echolab
