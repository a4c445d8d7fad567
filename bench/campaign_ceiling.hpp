// The null responder within a campaign: how fast the client is by itself at each level.
#pragma once

#include <optional>
#include <vector>

#include "bench/campaign.hpp"

namespace echolab {

/// Adds the null responder: a trial at each level in each round, the first of all in the
/// first round, so that no trial has to do without. It serves datagrams where all
/// contestants do.
void add_ceiling(CampaignPlan& plan);

/// The load of a trial: the level's, or its clients in a closed loop. That of the null
/// responder is a closed loop that thinks no time and asks for no work, for what it
/// reaches is the ceiling of all others.
LoadPlan load_of(const Contestant& contestant, const Level& level);

/// The median of the null responder's trials at that level that count so far and were
/// neither NOISY nor UNSTEADY, for a trial of this contestant. Empty where there is none,
/// for the null responder itself, and for a contestant in datagrams where that one
/// answers streams, or the reverse.
std::optional<Ceiling> ceiling_so_far(const CampaignPlan& plan,
                                      const std::vector<CampaignRow>& rows,
                                      const Contestant& contestant, std::size_t level);

/// The same for whoever is at that level; empty where the null responder was not.
std::optional<Ceiling> ceiling_at(const CampaignPlan& plan,
                                  const std::vector<CampaignRow>& rows,
                                  std::size_t level);

}  // namespace echolab
