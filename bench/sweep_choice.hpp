// What came of a sweep: the setting of each model that is used from then on.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "bench/sweep.hpp"

namespace echolab {

/// What is chosen for one part of a sweep, added to `chosen`. Returns what the manifest
/// tells of its knob (results/README.md).
nlohmann::json choose_for(const Sweep& sweep, const Sweep::Part& part,
                          const std::vector<CampaignRow>& rows, ChosenArguments& chosen);

}  // namespace echolab
