// CampaignOrder: which trial comes next, from the seed and from those that were run.
#pragma once

#include <optional>
#include <vector>

#include "bench/campaign.hpp"

namespace echolab {

/// One point of one round.
struct CampaignPlace {
  std::size_t contestant;
  std::uint64_t clients;
  std::uint64_t round;
};

/// Rounds one after the other, in each every point once, shuffled. It follows from the
/// plan alone, so that a campaign that was interrupted goes on where it was.
class CampaignOrder {
 public:
  explicit CampaignOrder(const CampaignPlan& plan);

  /// A trial was run, now or before the interruption.
  void ran(const CampaignRow& row);
  /// The first place that has no trial yet.
  [[nodiscard]] std::optional<CampaignPlace> next() const;
  /// Places without a trial.
  [[nodiscard]] std::vector<CampaignPlace> missing() const;

 private:
  struct Entry {
    CampaignPlace place;
    bool missing = true;
  };
  std::vector<Entry> entries_;
};

}  // namespace echolab
