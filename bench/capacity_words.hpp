// What is said of the capacity, before and after it is measured.
#pragma once

#include <string>
#include <vector>

#include "bench/campaign.hpp"

namespace echolab {

/// What will be measured, in a sentence without an end.
std::string capacity_ahead(const CampaignPlan& plan);

/// What was: a sentence.
std::string capacity_text(const Capacity& capacity);

/// That, and beside it what the closed loop's response was, and the open one's at the
/// greatest level. Empty where no capacity was measured.
std::vector<std::string> capacity_in_words(const CampaignPlan& plan,
                                           const std::vector<CampaignRow>& rows);

}  // namespace echolab
