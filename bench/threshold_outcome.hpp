// What became of --assert: each threshold, for each model and load that it is about.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/campaign.hpp"

namespace echolab {

struct ThresholdOutcome {
  const Threshold* threshold;  ///< of the plan
  std::string model;
  std::size_t level;
  Range range{};           ///< of the rounds that have a figure; n = 0: none has
  std::size_t rounds = 0;  ///< that count
  bool is_kept = false;
  std::string why{};  ///< it is missed, where the median alone does not say it
};

/// Threshold by threshold, then by load, then in the order of the contestants; without
/// the twin and the null responder. Kept is what the median of the rounds keeps, if more
/// than half of them have a figure and no client was left without a reply. A model that
/// was named and is not available here keeps nothing.
std::vector<ThresholdOutcome> threshold_outcomes(const CampaignPlan& plan,
                                                 const std::vector<CampaignRow>& rows);

/// Whether there is nothing to end with 9 for.
bool are_kept(const std::vector<ThresholdOutcome>& outcomes);

/// A row of results/README.md's "thresholds" for each.
nlohmann::json thresholds_json(const CampaignPlan& plan,
                               const std::vector<ThresholdOutcome>& outcomes);

/// "epoll_level at 64 clients: 1.21 ms [1.10 ms to 1.31 ms], 9 rounds", and why it is
/// missed.
std::string outcome_in_words(const CampaignPlan& plan, const ThresholdOutcome& outcome);

/// A line for each, with its mark, in such columns; empty where there are none.
std::string thresholds_table(const CampaignPlan& plan,
                             const std::vector<ThresholdOutcome>& outcomes,
                             std::size_t columns);

}  // namespace echolab
