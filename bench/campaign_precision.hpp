// The ratios that a campaign is run for, and when they are known well enough.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/campaign.hpp"
#include "bench/precision.hpp"

namespace echolab {

/// The headline metric of each contestant over the baseline's, at each level, round by
/// round: without the twin and the ceiling, and without those of which there is none,
/// because every trial failed.
std::vector<RatioSeries> wanted_ratios(const CampaignPlan& plan,
                                       const std::vector<CampaignRow>& rows);

/// After a round: "precise to 3 %: 18 of 18 ratios" when nothing more is wanted, which
/// needs a wanted precision; else empty.
std::string why_precise_enough(const CampaignPlan& plan,
                               const std::vector<CampaignRow>& rows);

/// How many of the ratios are known to the precision that was wanted or, where none was,
/// to ± 3 %, and the worst of those that are not: as a sentence without an end. Empty
/// where there are no ratios.
std::string precision_in_words(const CampaignPlan& plan,
                               const std::vector<CampaignRow>& rows);
/// The same for the manifest: null, or {"wanted", "ratios", "missed": [{"name",
/// "half_width"}]}, all as shares.
nlohmann::json precision_json(const CampaignPlan& plan,
                              const std::vector<CampaignRow>& rows);

}  // namespace echolab
