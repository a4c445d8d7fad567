// A campaign of GETs: what it leaves out, and what it is told as.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bench/campaign.hpp"

namespace echolab {

/// Why a model cannot serve this load: HTTP goes over streams alone. Empty: it can.
std::optional<std::string> speaks_no_http(const LoadPlan& load, const Model& model);

/// Takes away the levels that go over datagrams. Returns what they were, in sentences;
/// throws UsageError when nothing is left. Nothing to do for another protocol.
std::vector<std::string> leave_out_datagrams(CampaignPlan& plan);

/// "64 B requests", "GETs of / over HTTP/1.1".
std::string requests_text(const LoadPlan& load);

/// How long the bodies were that GETs brought: "Each GET of / brought 74 B.", or, where
/// they differ, from whom which, and what to think of it. Empty for another protocol, and
/// where nothing was measured.
std::string replies_in_words(const CampaignPlan& plan,
                             const std::vector<CampaignRow>& rows);

}  // namespace echolab
