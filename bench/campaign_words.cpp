#include "bench/campaign_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "bench/baseline.hpp"
#include "bench/inference.hpp"
#include "bench/twin.hpp"

namespace echolab {
namespace {

using Cells = LevelAnswer::Cells;

const std::string& name_of(const CampaignPlan& plan, const Cell& cell) {
  return plan.contestants[cell.contestant].name;
}

/// "a, b, c and 4 more"
template <class Text>
std::string few(const Cells& cells, Text text_of) {
  constexpr std::size_t most = 6;
  const std::size_t told = cells.size() > most ? most - 1 : cells.size();
  std::string text;
  for (std::size_t i = 0; i < told; ++i)
    text += (i == 0 ? "" : ", ") + text_of(*cells[i]);
  if (told < cells.size()) text += fmt::format(" and {} more", cells.size() - told);
  return text;
}

std::string few_names(const CampaignPlan& plan, const Cells& cells) {
  return few(cells, [&](const Cell& cell) { return name_of(plan, cell); });
}

std::vector<double> ratios(const Cell& cell, const Cell& base) {
  return ratios_of(cell.figures, base.figures);
}

/// All that are ranked against the best of them.
void compare_with_best(LevelAnswer& answer, const CampaignFamily& family, double factor) {
  const Cell& best = *answer.ranked.front();
  for (const Cell* cell : answer.ranked) {
    const Range ratio = range_of(ratios(*cell, best));
    if (cell == &best || ratio.n == 0) continue;
    const double p = family.p(best.level, cell->contestant, best.contestant);
    const Shown word = shown_of(ratio, p, factor);
    const bool few = word == Shown::too_few;
    if (few ? is_tie(ratio, factor) : word == Shown::tie)
      answer.ties.push_back(cell);
    else if (few)
      answer.too_few_rounds.push_back(cell);
  }
}

/// How much worse `cell` is than `best`: 1 and more.
Range worse(const Metric& metric, const Cell& cell, const Cell& best) {
  return range_of(metric.more_is_better ? ratios(best, cell) : ratios(cell, best));
}

/// "; iterative the most, 3.90 times as much [3.85 to 3.95]"
std::string worst_in_words(const CampaignPlan& plan, const LevelAnswer& answer) {
  const Metric& metric = find_metric(plan.experiment->metric);
  const Cell& worst = *answer.ranked.back();
  const Range more = worse(metric, worst, *answer.ranked.front());
  if (answer.ranked.size() < 2 || more.n == 0 || std::ranges::count(answer.ties, &worst))
    return "";
  return fmt::format(
      "; {} the {}, {:.2f} times {} [{:.2f} to {:.2f}{}]", name_of(plan, worst),
      metric.more_is_better ? "least" : "most", more.median,
      metric.more_is_better ? "less" : "as much", more.least, more.most,
      std::ranges::count(answer.too_few_rounds, &worst)
          ? fmt::format("; n = {} is too small to show a difference", more.n)
          : "");
}

std::string best_in_words(const CampaignPlan& plan, const LevelAnswer& answer) {
  const Metric& metric = find_metric(plan.experiment->metric);
  const auto figure = [&](const Cell* cell) { return metric.shown(cell->main().median); };
  const Cells& ranked = answer.ranked;
  if (ranked.size() > 1 && answer.ties.size() + 1 == ranked.size())
    return fmt::format(" no server has {} {} than another beyond the noise ({} to {})",
                       metric.more_is_better ? "more" : "less", metric.words,
                       figure(ranked.front()), figure(ranked.back()));
  std::string text =
      fmt::format(" {} {} {} ({})", name_of(plan, *ranked.front()),
                  metric.more_is_better ? "reaches the most" : "needs the least",
                  metric.words, figure(ranked.front()));
  if (!answer.ties.empty())
    text += fmt::format("; within the noise of it: {}", few_names(plan, answer.ties));
  return text + worst_in_words(plan, answer);
}

/// Throughput that the client limits ranks nobody.
std::string limit_in_words(const CampaignPlan& plan, const LevelAnswer& answer) {
  double least = answer.limited.front()->main().median;
  for (const Cell* cell : answer.limited) least = std::min(least, cell->main().median);
  return fmt::format(
      " the client was the limit for {}: at least {} requests per second, and which is "
      "the best is not known",
      few_names(plan, answer.limited), show_count(least));
}

/// Whoever keeps up with an open loop answers what is offered, and no more.
bool all_keep_up(const CampaignPlan& plan, const LevelAnswer& answer) {
  constexpr double whole = 0.99;  // what a trial may miss before it is OVERLOADED
  return plan.experiment->metric == "rate" && !answer.ranked.empty() &&
         std::ranges::all_of(answer.ranked, [&](const Cell* cell) {
           const Range offered = cell->range([](const Trial& trial) {
             return static_cast<double>(trial.load.offered) / trial.load.seconds;
           });
           return offered.median > 0 && cell->main().median >= whole * offered.median;
         });
}

/// Of those that are ranked and have a figure in each round that any of them has.
std::string all_in_words(const LevelAnswer& answer) {
  std::set<std::uint64_t> everyone;
  for (const Cell* cell : answer.ranked)
    for (const auto& [round, figure] : cell->figures) everyone.insert(round);
  Cells whole;
  std::ranges::copy_if(answer.ranked, std::back_inserter(whole), [&](const Cell* cell) {
    return cell->figures.size() == everyone.size();
  });
  std::vector<std::vector<double>> rows;
  for (const std::uint64_t round : everyone) {
    auto& row = rows.emplace_back();
    for (const Cell* cell : whole) row.push_back(cell->figures.at(round));
  }
  const auto p = friedman_p(rows);
  constexpr double chance = 0.05;
  if (!p) return "";
  return fmt::format(" The {} servers {} (Friedman, p = {:.2g}, {} rounds).",
                     whole.size(), *p < chance ? "differ" : "were not shown to differ",
                     *p, rows.size());
}

/// One that serves a few and lets the rest wait does less, and is not compared.
std::string left_out_in_words(const CampaignPlan& plan, const LevelAnswer& answer) {
  std::string text;
  if (!answer.starving.empty())
    text += fmt::format(" Not compared, for want of any answer to some clients: {}.",
                        few(answer.starving, [&](const Cell& cell) {
                          return fmt::format("{} left up to {}", name_of(plan, cell),
                                             cell.starved);
                        }));
  if (!answer.unanswered.empty())
    text += fmt::format(" Answered nobody: {}.", few_names(plan, answer.unanswered));
  return text;
}

/// " 7 of 8 comparisons with epoll_level are shown (p < 0.05 in the whole campaign)."
std::string comparisons_in_words(const CampaignPlan& plan, const CampaignFamily& family,
                                 const std::vector<Cell>& cells, double factor) {
  const auto [shown, all, rounds] = compared_with_baseline(plan, family, cells, factor);
  if (all == 0) return "";
  return fmt::format(
      " {} of {} comparison{} with {} {} shown (p < 0.05 in the whole campaign){}.",
      shown, all, all == 1 ? "" : "s", baseline_name(plan),
      shown == 1 || all == 1 ? "is" : "are",
      rounds >= fewest_rounds
          ? ""
          : fmt::format("; to show any takes {} rounds", fewest_rounds));
}

std::string in_words(const CampaignPlan& plan, const CampaignFamily& family,
                     const Cells& cells, std::string text, double factor) {
  const LevelAnswer answer = answer_of(plan, family, cells, factor);
  if (all_keep_up(plan, answer))
    return text + " every server answers what is offered." +
           left_out_in_words(plan, answer);
  std::string all;
  if (answer.ranked.empty())
    text += " no server has a figure";
  else if (answer.ranked.front()->starved > 0)
    text += " no server answered every client; of what was answered,";
  if (!answer.limited.empty())
    text += limit_in_words(plan, answer);
  else if (!answer.ranked.empty())
    text += best_in_words(plan, answer);
  if (answer.limited.empty()) all = all_in_words(answer);
  return text + "." + all + left_out_in_words(plan, answer);
}

/// Of streams, or of datagrams.
Cells of_kind(const CampaignPlan& plan, const std::vector<Cell>& cells,
              bool in_datagrams) {
  Cells kind;
  for (const Cell& cell : cells)
    if (plan.contestants[cell.contestant].in_datagrams() == in_datagrams)
      kind.push_back(&cell);
  return kind;
}

}  // namespace

LevelAnswer answer_of(const CampaignPlan& plan, const CampaignFamily& family,
                      const std::vector<const Cell*>& cells, double factor) {
  LevelAnswer answer;
  for (const Cell* cell : cells) {
    if (cell->answered_nobody()) answer.unanswered.push_back(cell);
    if (!cell->has_figures()) continue;
    (cell->starved == 0 ? answer.ranked : answer.starving).push_back(cell);
  }
  if (answer.ranked.empty()) std::swap(answer.ranked, answer.starving);
  const Metric& metric = find_metric(plan.experiment->metric);
  for (const Cell* cell : answer.ranked)
    if (cell->is_bound(metric)) answer.limited.push_back(cell);
  if (!answer.ranked.empty() && answer.limited.empty())
    compare_with_best(answer, family, factor);
  return answer;
}

BaselineComparisons compared_with_baseline(const CampaignPlan& plan,
                                           const CampaignFamily& family,
                                           const std::vector<Cell>& cells,
                                           double factor) {
  const Metric& metric = find_metric(plan.experiment->metric);
  const LevelAnswer answer = answer_of(plan, family, alike(plan, cells), factor);
  const auto base =
      std::ranges::find(answer.ranked, baseline_of(plan), &Cell::contestant);
  if (base == answer.ranked.end() || !answer.limited.empty()) return {};
  BaselineComparisons found;
  for (const Cell& cell : cells) {
    const Range ratio = range_of(ratios(cell, **base));
    if (&cell == *base || cell.starved > 0 || cell.is_bound(metric) || ratio.n == 0)
      continue;
    const double p = family.p(cell.level, cell.contestant, (*base)->contestant);
    found.rounds = std::max(found.rounds, ratio.n);
    found.shown += shown_of(ratio, p, factor) == Shown::different ? 1U : 0U;
    ++found.all;
  }
  return found;
}

std::vector<const Cell*> alike(const CampaignPlan& plan, const std::vector<Cell>& cells) {
  Cells streams = of_kind(plan, cells, false);
  return streams.empty() ? of_kind(plan, cells, true) : streams;
}

std::string level_in_words(const CampaignPlan& plan, const CampaignFamily& family,
                           const std::vector<Cell>& cells, const Level& level,
                           double factor) {
  // Datagrams may be lost, doubled and out of order, and cost less for it.
  const Cells streams = of_kind(plan, cells, false);
  const Cells datagrams = of_kind(plan, cells, true);
  std::string text =
      in_words(plan, family, alike(plan, cells), "At " + level.name + ",", factor) +
      comparisons_in_words(plan, family, cells, factor);
  if (streams.empty() || datagrams.empty()) return text;
  return text + " " +
         in_words(plan, family, datagrams, "In datagrams, which promise less,", factor);
}

}  // namespace echolab
