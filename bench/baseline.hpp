// The baseline of a campaign: the contestant that the others are divided by.
#pragma once

#include <cstddef>
#include <string>

#include "bench/campaign.hpp"

namespace echolab {

/// The one that --baseline names, else the experiment's, else the first: its place among
/// the contestants, of which there is one at least.
std::size_t baseline_of(const CampaignPlan& plan);

/// Its name; where there are no contestants, the one that is meant.
std::string baseline_name(const CampaignPlan& plan);

/// Throws UsageError for a --baseline that is none of the contestants.
void check_baseline(const CampaignPlan& plan);

}  // namespace echolab
