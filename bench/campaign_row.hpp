// A row of trials.jsonl, there and back.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "bench/campaign.hpp"

namespace echolab {

/// results/schema/trial.json. `order`: of all trials that were run, from 0.
nlohmann::json row_json(const CampaignPlan& plan, const CampaignRow& row,
                        std::size_t order);

/// What the table needs of a row that was kept. Throws UsageError when the line is no
/// row, or has no place in `plan`.
CampaignRow row_of(const CampaignPlan& plan, std::string_view line);

}  // namespace echolab
