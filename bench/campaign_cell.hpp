// A cell of a campaign: one contestant at one level, over all rounds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "bench/campaign.hpp"

namespace echolab {

struct Cell {
  std::size_t contestant = 0;
  std::size_t level = 0;
  std::vector<const CampaignRow*> rows{};     ///< that count and were measured; borrowed
  std::map<std::uint64_t, double> figures{};  ///< the asked metric, by round
  std::set<std::uint64_t> unanswered{};  ///< rounds in which nobody had an answer at all
  std::size_t failed = 0;                ///< trials without figures
  std::string failure{};                 ///< why, of the last of them
  std::map<Verdict, std::size_t> verdicts{};  ///< of all that count
  LoadErrors errors{};                        ///< likewise, added up
  std::size_t starved = 0;    ///< the most clients without a reply in a round
  bool client_bound = false;  ///< throughput is no more than a lower bound

  /// Of one figure of the trials: its median, and the interval around it.
  template <class Figure>
  [[nodiscard]] Range range(Figure figure) const {
    std::vector<double> found;
    for (const CampaignRow* row : rows) found.push_back(figure(row->trial));
    return range_of(found);
  }
  /// Of the asked metric.
  [[nodiscard]] Range main() const;
  [[nodiscard]] bool has_figures() const { return !figures.empty(); }
  /// It ran and left everybody without an answer, each time that is known of.
  [[nodiscard]] bool answered_nobody() const {
    return rows.empty() && !unanswered.empty();
  }
  /// Its figures of this metric are "at least".
  [[nodiscard]] bool is_bound(const Metric& metric) const {
    return client_bound &&
           (metric.name == "rate" || metric.name == "connections_per_second");
  }
};

/// Where in the plan the contestant of that name is; their number where there is none.
std::size_t index_of(const CampaignPlan& plan, std::string_view name);

/// Of the trials that count. In an open loop nobody is starved: a client without a reply
/// may have had no arrival.
Cell cell_of(const CampaignPlan& plan, const std::vector<CampaignRow>& rows,
             std::size_t contestant, std::size_t level, const Metric& metric);

/// All that had a trial there, with the headline metric, the best first; without the twin
/// and the null responder.
std::vector<Cell> cells_at(const CampaignPlan& plan, const std::vector<CampaignRow>& rows,
                           std::size_t level);

}  // namespace echolab
