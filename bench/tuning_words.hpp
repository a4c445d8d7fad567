// What is said of tuning, before and after it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/campaign.hpp"

namespace echolab {

/// What will be swept: option by option, and of whom.
std::vector<std::string> tuning_ahead(const CampaignPlan& plan);

/// Of a member `knobs` of the manifest:
/// "--workers 16 (default 2): 6.1 times the req/s [5.9 to 6.3]"
std::string knob_in_words(const nlohmann::json& knob);

/// How it was done, and a sentence for each model. `tuned`: the member of the manifest.
std::vector<std::string> tuning_in_words(const CampaignPlan& plan,
                                         const nlohmann::json& tuned);

}  // namespace echolab
