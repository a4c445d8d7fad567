// The capacity of the baseline, measured in closed loops before a campaign whose arrivals
// are shares of it.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <stop_token>

#include "bench/campaign.hpp"

namespace echolab {

/// Some level offers a share of the capacity, and it is not known yet.
bool lacks_capacity(const CampaignPlan& plan);

/// What measures it, as a campaign of its own: the baseline (or, in its place, the first
/// of the contestants that serves the load) with the same connections and work as the
/// levels, in closed loops, on the same CPUs: 3 to 5 rounds in random order, with windows
/// of 1 s at most. Where one load has many rates, it is measured once.
CampaignPlan capacity_plan(const CampaignPlan& plan);

/// Seconds that it will take; 0 where none is lacking.
double capacity_seconds(const CampaignPlan& plan);

/// Empty when asked to stop. Throws Failure when half the trials or more have no figures.
std::optional<Capacity> measure_capacity(
    const CampaignPlan& plan,
    const std::function<void(const CampaignProgress&)>& progress,
    const std::stop_token& stop);

/// From then on the levels offer their shares of it.
void use_capacity(CampaignPlan& plan, Capacity capacity);

/// The member `capacity` of the manifest (results/README.md), and back.
nlohmann::json capacity_json(const Capacity& capacity);
Capacity capacity_of(const nlohmann::json& member);

}  // namespace echolab
