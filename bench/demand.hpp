// Demand: what a campaign asks of the machine that it runs on.
#pragma once

#include <cstddef>
#include <cstdint>

#include "bench/campaign.hpp"
#include "bench/topology.hpp"

namespace echolab {

/// That of the usual campaigns, where there is no plan.
struct Demand {
  Placement placement{};                ///< of no CPUs: as it is by default
  std::uint64_t clients = 1'000;        ///< held at once: has to be possible
  std::uint64_t most_clients = 10'000;  ///< of the largest experiment: may be left out
  bool has_task_per_client = true;      ///< some server has a thread or process for each
  std::uint64_t queue = 1'000;  ///< may wait at once to be accepted; 0: nobody does
  std::uint64_t ports = 1'000;  ///< of one client address, held at once; 0: none
  /// Of one client address, by connections that end in order within a trial: each keeps
  /// its port for a minute, in TIME_WAIT.
  std::uint64_t ports_left_behind = 8'192;
  bool is_over_loopback = true;  ///< where the kernel gives such ports back sooner
};

Demand demand_of(const CampaignPlan& plan);

}  // namespace echolab
