// The family of comparisons of a campaign: every two contestants at every level.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <vector>

#include "bench/campaign.hpp"

namespace echolab {

/// What is shown of a ratio among all of its campaign.
enum class Shown { different, tie, too_few };

/// The fewest rounds that can show a difference: 2 / 2^6 is below 0.05, 2 / 2^5 above it.
inline constexpr std::size_t fewest_rounds = 6;

/// Different where it is no tie by itself (is_tie) and its p in the family below 0.05;
/// too few: of fewer rounds than can show a difference; else a tie.
Shown shown_of(const Range& ratio, double p, double factor);

/// How sure a campaign's ratios in one metric are: whatever is compared is in one family,
/// every two contestants at each level, and where levels have no order every two levels
/// of a contestant as well; without the twin and the ceiling. So in a campaign of systems
/// that are all alike some two are called different in 5 % of the cases at most. The
/// report's family is the same (scripts/report/families.py): tests/rule_test.py.
class CampaignFamily {
 public:
  CampaignFamily(const CampaignPlan& plan, const std::vector<CampaignRow>& rows,
                 const Metric& metric);

  /// Of two contestants' ratio at a level, whichever is over which; 1 where it has none.
  [[nodiscard]] double p(std::size_t level, std::size_t one, std::size_t other) const;

 private:
  struct Point {
    std::size_t contestant;
    std::size_t level;
    std::map<std::uint64_t, double> figures;
  };
  using Key = std::array<std::size_t, 4>;  ///< level and contestant, twice, ascending
  [[nodiscard]] static Key key_of(const Point& a, const Point& b);

  std::map<Key, double> p_;
};

}  // namespace echolab
