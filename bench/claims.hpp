// Claims: what the field says of two models, beside what was measured here.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bench/campaign.hpp"
#include "bench/campaign_family.hpp"

namespace echolab {

/// What was measured of a claim.
struct ClaimOutcome {
  const Claim* claim = nullptr;  ///< of the plan's experiment
  /// same order, reversed, not shown or not measured; of claims that two have about the
  /// same: alike, unlike
  std::string_view word;
  std::optional<std::size_t> level{};  ///< that was looked at
  Range ratio{};                     ///< more / less by round; n is 0 where there is none
  bool is_bound = false;             ///< the ratio is "at least"
  std::vector<std::string> notes{};  ///< why to read it with care, or why there is none
};

/// By the rule of the report (scripts/report/claims.py), to which tests/rule_test.py
/// holds it. The ratio more / less is paired by round, at the claim's level or the
/// greatest that both have. Different in the family of the campaign (CampaignFamily) and
/// above 1, it is the same order; below 1 it is reversed; otherwise, and of fewer than 6
/// rounds, the order is not shown. Claimed to be about the same, the two are alike where
/// the whole interval lies within the claim's factor, or within that of the A/A pair
/// where that is wider, and unlike where a difference beyond it is shown. Throughput that
/// the client limits is "at least": only `more` may have it. Who answers nobody in 6
/// rounds has less throughput than who does.
std::vector<ClaimOutcome> claim_outcomes(const CampaignPlan& plan,
                                         const std::vector<CampaignRow>& rows);

/// A paragraph for each: the claim with its source, "Here: same order; more / less at
/// 16 clients, requests per second: ≥ 3.21 (3.02 to 3.40, n = 9)", the notes and, where
/// the order is not the same, why that may be.
std::vector<std::string> claims_in_words(const CampaignPlan& plan,
                                         const std::vector<CampaignRow>& rows);

}  // namespace echolab
