// What a campaign's open loops offer: how many requests a second, and when.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bench/campaign.hpp"

namespace echolab {

/// "10k", in requests/s, or "50%", a share of the capacity. Throws UsageError that names
/// `option`.
OfferedRate parse_offered_rate(std::string_view option, std::string_view text);

/// Gives all levels the arrivals of the plan's rate, and those that offer a share of the
/// capacity theirs, once it is known; their names then say it. At one rate for all an
/// experiment about throughput is one about server CPU per request.
void offer(CampaignPlan& plan);

/// Adds the contestant that a claim is about once more, `NAME(closed)`, where a level has
/// it, the greatest if it is beyond capacity: asked in a closed loop, in the same rounds,
/// it shows what the open one makes of the response.
void add_closed(CampaignPlan& plan);

/// Of the load of all trials of a round: one schedule, and one sequence of work and
/// bytes, drives every server of it.
std::uint64_t seed_of_round(const CampaignPlan& plan, std::uint64_t round);

/// Gives a load that seed, and each of its company the one that follows from it.
void use_seed(LoadPlan& load, std::uint64_t seed);

/// "closed loop", "open loop, poisson arrivals" of the plan's loads.
std::string loop_text(const CampaignPlan& plan);

}  // namespace echolab
