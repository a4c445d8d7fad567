// Who never gets ready is not waited for in every trial of a campaign.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "bench/campaign.hpp"

namespace echolab {

/// Why a contestant is not started any more, for the reason of its trial: it was not
/// ready in time twice, and never was so far. Empty: it is started.
std::string why_given_up(const std::vector<CampaignRow>& rows, std::size_t contestant);

}  // namespace echolab
