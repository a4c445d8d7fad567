// Claims: what the field says of two models, beside what was measured here.
#pragma once

#include <string>
#include <vector>

#include "bench/campaign.hpp"

namespace echolab {

/// A paragraph for each claim of the experiment whose two models were measured: the claim
/// with its source, then "here: the same order, 3.21x [3.02 to 3.40]", "the reverse" or
/// "no difference was shown", by the ratio of the two round by round; where it is not the
/// same, why that may be.
std::vector<std::string> claims_in_words(const CampaignPlan& plan,
                                         const std::vector<CampaignRow>& rows);

}  // namespace echolab
