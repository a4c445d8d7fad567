// The manifest of a campaign: what was asked, where and with what; and the plan back.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/campaign.hpp"

namespace echolab {

/// manifest.json (results/schema/manifest.json) of a campaign that begins now.
nlohmann::json manifest_json(const CampaignPlan& plan,
                             const std::vector<std::string>& command_line);

/// The plan that a manifest tells. Throws UsageError in words that begin with --resume
/// when it does not tell the whole, or a model is not available here.
CampaignPlan plan_of(const nlohmann::json& manifest);

/// In what build and machine of two manifests differ, each in words: "build.commit was
/// abc, is def". What changes by the minute (the load average) does not count.
std::vector<std::string> unlikeness(const nlohmann::json& before,
                                    const nlohmann::json& now);

nlohmann::json floor_json(const Floor& floor);
/// Empty where it was not measured.
std::optional<Floor> floor_of(const nlohmann::json& manifest);

}  // namespace echolab
