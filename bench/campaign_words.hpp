// What a campaign says of each level, in words.
#pragma once

#include <string>
#include <vector>

#include "bench/campaign_cell.hpp"
#include "bench/campaign_family.hpp"

namespace echolab {

/// Who is the best at a level, by the rule of the report (scripts/report/answer.py), to
/// which tests/rule_test.py holds it. All point into the cells that it was made of.
struct LevelAnswer {
  using Cells = std::vector<const Cell*>;

  Cells ranked{};  ///< have a figure and left no client without a reply, the best first;
                   ///< where nobody served all, those who left some
  Cells ties{};    ///< with the best: no difference was shown
  Cells too_few_rounds{};  ///< for any difference to be shown
  Cells limited{};         ///< by the client: then which is the best is not known
  Cells starving{};        ///< left clients without a reply, and are in no ranking
  Cells unanswered{};      ///< answered nobody
};

/// Of cells that are compared with each other, as cells_at() sorts them; `family`: of the
/// headline metric. A tie is what shown_of() says; where the rounds are too few to show
/// anything, what is_tie() says of the pair alone.
LevelAnswer answer_of(const CampaignPlan& plan, const CampaignFamily& family,
                      const std::vector<const Cell*>& cells, double factor);

/// Those whose servers promise alike: the streams, or all where there are none.
std::vector<const Cell*> alike(const CampaignPlan& plan, const std::vector<Cell>& cells);

/// Those that serve every client against the campaign's baseline: how many
/// of them are shown to differ from it. None where the baseline has no figure, starves
/// clients that others serve, or the client was the limit. The report counts the same.
struct BaselineComparisons {
  std::size_t shown = 0;
  std::size_t all = 0;
  std::size_t rounds = 0;  ///< the most that any of them has
};
BaselineComparisons compared_with_baseline(const CampaignPlan& plan,
                                           const CampaignFamily& family,
                                           const std::vector<Cell>& cells, double factor);

/// "At 16 clients, epoll_level needs the least server CPU per request (4.20 us) …": the
/// streams, and apart from them the datagrams. `factor`: tie_factor().
std::string level_in_words(const CampaignPlan& plan, const CampaignFamily& family,
                           const std::vector<Cell>& cells, const Level& level,
                           double factor);

}  // namespace echolab
