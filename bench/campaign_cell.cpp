#include "bench/campaign_cell.hpp"

#include <algorithm>

#include "bench/campaign_ceiling.hpp"
#include "clients/judgement.hpp"

namespace echolab {

Range Cell::main() const {
  std::vector<double> found;
  for (const auto& [round, figure] : figures) found.push_back(figure);
  return range_of(found);
}

std::size_t index_of(const CampaignPlan& plan, std::string_view name) {
  const auto found = std::ranges::find(plan.contestants, name, &Contestant::name);
  return static_cast<std::size_t>(found - plan.contestants.begin());
}

namespace {

void add(Cell& cell, const CampaignRow& row) {
  const Judgement& judgement = row.trial.judgement;
  ++cell.verdicts[judgement.verdict];
  cell.errors += row.trial.load.errors;
  if (is_measured(row)) {
    cell.rows.push_back(&row);
    cell.starved = std::max(cell.starved, row.trial.load.starved());
    cell.client_bound = cell.client_bound || judgement.verdict == Verdict::client_bound;
    return;
  }
  ++cell.failed;
  cell.failure = judgement.reason;
  if (judgement.verdict == Verdict::failed && judgement.reason == nobody_was_answered)
    cell.unanswered.insert(row.round);
}

/// A trial is judged by what was known of the client then; this is by all that is known.
bool is_near_ceiling(const CampaignPlan& plan, const std::vector<CampaignRow>& rows,
                     const Cell& cell) {
  const auto ceiling =
      ceiling_so_far(plan, rows, plan.contestants[cell.contestant], cell.level);
  const double rate =
      cell.range([](const Trial& t) { return t.load.requests_per_second(); }).median;
  return ceiling && rate > ceiling_bound_share * ceiling->requests_per_second;
}

bool is_compared(const Contestant& one, const Cell& cell) {
  return one.twin_of.empty() && !one.is_ceiling &&
         (!cell.rows.empty() || cell.failed > 0);
}

}  // namespace

Cell cell_of(const CampaignPlan& plan, const std::vector<CampaignRow>& rows,
             std::size_t contestant, std::size_t level, const Metric& metric) {
  Cell cell{.contestant = contestant, .level = level};
  if (contestant >= plan.contestants.size()) return cell;
  for (const CampaignRow& row : rows)
    if (row.contestant == contestant && row.level == level && row.excluded.empty())
      add(cell, row);
  for (const CampaignRow* row : cell.rows) cell.unanswered.erase(row->round);
  if (plan.levels[level].load.workload.is_open()) cell.starved = 0;
  cell.figures = figures_of(plan, rows, contestant, level, metric);
  cell.client_bound = cell.client_bound || is_near_ceiling(plan, rows, cell);
  return cell;
}

std::vector<Cell> cells_at(const CampaignPlan& plan, const std::vector<CampaignRow>& rows,
                           std::size_t level) {
  const Metric& metric = find_metric(plan.experiment->metric);
  std::vector<Cell> cells;
  for (std::size_t i = 0; i < plan.contestants.size(); ++i) {
    Cell cell = cell_of(plan, rows, i, level, metric);
    if (is_compared(plan.contestants[i], cell)) cells.push_back(std::move(cell));
  }
  std::ranges::sort(cells, [&](const Cell& a, const Cell& b) {
    if (a.has_figures() != b.has_figures()) return a.has_figures();
    const double of_a = a.main().median;
    const double of_b = b.main().median;
    if (of_a != of_b) return metric.more_is_better ? of_a > of_b : of_a < of_b;
    return plan.contestants[a.contestant].name < plan.contestants[b.contestant].name;
  });
  return cells;
}

}  // namespace echolab
