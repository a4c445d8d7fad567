// Sweep: what tuning runs, the settings of one option of every model that has it.
#pragma once

#include <cstddef>
#include <cstdint>
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

inline constexpr std::uint64_t tuning_rounds = 3;

/// Twins, the null responder and external servers have no part in it.
Sweep sweep_of(const CampaignPlan& plan, std::string_view option,
               const ChosenArguments& chosen);

/// Seconds that all sweeps will take.
double tuning_seconds(const CampaignPlan& plan);

}  // namespace echolab
