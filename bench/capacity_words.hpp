// What is said of the capacity, before and after it is measured.
#pragma once

#include <string>

#include "bench/campaign.hpp"

namespace echolab {

/// What will be measured, in a sentence without an end.
std::string capacity_ahead(const CampaignPlan& plan);

/// What was: a sentence.
std::string capacity_text(const Capacity& capacity);

}  // namespace echolab
