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
#include <string_view>
#include <vector>

#include "bench/campaign.hpp"
#include "bench/knob.hpp"

namespace echolab {

/// What has been chosen so far, of each contestant of the campaign.
using ChosenArguments = std::vector<std::vector<std::string>>;

/// One option, of every model that has it, as a campaign of its own: its contestants are
/// the settings, each at the greatest level that its model serves, in three rounds in
/// random order from the campaign's seed, on the same CPUs.
struct Sweep {
  struct Part {
    std::size_t contestant;  ///< of the campaign
    std::size_t level;       ///< of the sweep's plan
    std::size_t first;  ///< of the sweep's contestants: its first setting, the default
    Knob knob;
  };

  CampaignPlan plan;
  std::vector<Part> parts;
};

/// In this order: one knob at a time, with what was chosen before.
inline constexpr std::string_view tuned_options[] = {"--workers", "--buffer"};

/// Twins, the null responder and external servers have no part in it.
Sweep sweep_of(const CampaignPlan& plan, std::string_view option,
               const ChosenArguments& chosen);

/// Seconds that all sweeps will take.
double tuning_seconds(const CampaignPlan& plan);

/// What will be swept: option by option, and of whom.
std::vector<std::string> tuning_ahead(const CampaignPlan& plan);

/// What a sweep needs of whoever runs it.
struct TuningRun {
  std::vector<std::string> kept;  ///< lines of an earlier run
  std::function<void(const std::string& line)> keep;
  std::function<void(const CampaignProgress&)> progress;
  std::function<void(const std::string& words)> say;
  std::stop_token stop;
};

/// Runs what is missing of all sweeps. Returns the member `tuned` of the manifest
/// (results/README.md); empty when asked to stop. Three rounds of the campaign are left
/// of a budget.
std::optional<nlohmann::json> tune(const CampaignPlan& plan, const TuningRun& run);

/// Gives the contestants, and with them their twins, the settings that were chosen.
void use_tuned(CampaignPlan& plan, const nlohmann::json& tuned);

}  // namespace echolab
