// Fair tuning: each model's own knobs are swept before a campaign, under its one budget
// of cores, and the best setting is used and published. What is tuned for one is tuned
// for all (Harji, Buhr, Brecht, "Comparing high-performance multi-core web-server
// architectures", SYSTOR 2012: tuning may matter more than architecture).
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "bench/campaign.hpp"

namespace echolab {

/// What a sweep needs of whoever runs it.
struct TuningRun {
  std::vector<std::string> kept;  ///< lines of an earlier run
  std::function<void(const std::string& line)> keep;
  std::function<void(const CampaignProgress&)> progress;
  std::function<void(const std::string& words)> say;
  std::stop_token stop;
};

/// Runs what is missing of all sweeps. Returns the member `tuned` of the manifest
/// (results/schema/manifest.json); empty when asked to stop. Three rounds of the campaign
/// are left of a budget.
std::optional<nlohmann::json> tune(const CampaignPlan& plan, const TuningRun& run);

/// Gives the contestants, and with them their twins, the settings that were chosen.
void use_tuned(CampaignPlan& plan, const nlohmann::json& tuned);

}  // namespace echolab
