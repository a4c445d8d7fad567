// CampaignOrder: which trial comes next, from the seed and from those that were run.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "bench/campaign.hpp"

namespace echolab {

/// One point of one round.
struct CampaignPlace {
  std::size_t contestant;
  std::size_t level;
  std::uint64_t round;
};

/// Rounds one after the other, in each every point once, shuffled unless the plan says
/// otherwise, but for the ceiling's, which are the first of all; then, in the same
/// round, again those whose trial is excluded: what disturbed it may have passed. It
/// follows from the plan and the trials alone, so that a campaign that was interrupted
/// goes on where it was.
class CampaignOrder {
 public:
  explicit CampaignOrder(const CampaignPlan& plan);

  /// A trial was run, now or before the interruption.
  void ran(const CampaignRow& row);
  /// Why a trial that has just been run, and was not told to ran(), shall not count:
  /// "repeated because NOISY". Empty when it does, because it is not doubtful, or has
  /// been repeated as often as the plan allows. On a machine that is always noisy no more
  /// than half as many trials again are run, or 24 in a small campaign: the time that was
  /// promised is kept at least so far.
  [[nodiscard]] std::string excluded_because(const CampaignRow& row) const;
  /// Of the first round that has places without a trial that counts, the first of those
  /// that were tried least.
  [[nodiscard]] std::optional<CampaignPlace> next() const;
  /// Places without a trial that counts.
  [[nodiscard]] std::vector<CampaignPlace> missing() const;
  /// Of the plan: places with a trial that counts, and without.
  [[nodiscard]] std::size_t places() const { return entries_.size(); }

  /// What the places of the first `rounds` rounds still cost that are missing, repeats
  /// foreseen: as large a share of the trials as so far, and no more than there may be.
  /// `cost`: of one trial at that level.
  [[nodiscard]] double cost_left(const std::function<double(std::size_t level)>& cost,
                                 std::uint64_t rounds) const;

 private:
  struct Entry {
    CampaignPlace place;
    bool missing = true;
    std::uint64_t trials = 0;
  };
  /// Its index; entries_.size() when the plan has no such place.
  [[nodiscard]] std::size_t index_of(const CampaignRow& row) const;
  /// Trials that may be excluded, in all.
  [[nodiscard]] std::size_t most_excluded() const;

  std::uint64_t repeats_;
  std::size_t trials_ = 0;    ///< so far
  std::size_t excluded_ = 0;  ///< of them
  std::vector<Entry> entries_;
};

}  // namespace echolab
