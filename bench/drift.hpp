// Drift: what changed while a campaign ran, though the server did not.
#pragma once

#include <string>
#include <vector>

#include "bench/campaign.hpp"

namespace echolab {

/// The headline metric of the baseline in the last third of the
/// rounds over that in the first third, level by level, of medians. n is the levels.
/// Empty for fewer than three rounds.
Range drift_of(const CampaignPlan& plan, const std::vector<CampaignRow>& rows);

/// "Drift: epoll_level had 1.03 times as much server CPU per request in the last 3 rounds
/// as in the first 3 (0.98 to 1.09 at 4 loads)." Empty where drift_of() is.
std::string drift_in_words(const CampaignPlan& plan,
                           const std::vector<CampaignRow>& rows);

}  // namespace echolab
