// The status line of a campaign, which a terminal shows while it runs.
#pragma once

#include <cstddef>
#include <string>

#include "bench/campaign.hpp"

namespace echolab {

/// What is told of the trial before; texts are empty where there is nothing to tell.
struct LastTrial {
  std::string verdict;  ///< "VALID"
  std::string times;    ///< "p50 8.10 us, p99 21.0 us"
};
LastTrial last_trial(const Trial& trial);

/// A time that is left: "3:07".
std::string left_text(double seconds);

/// How much of the whole is done and how long the rest takes, who is measured and how it
/// goes, and what came of the trial before: in `columns` characters at most, the least
/// important left out first.
std::string status_line(const CampaignProgress& now, const LastTrial& last,
                        std::size_t columns);

}  // namespace echolab
