#include "bench/threshold_outcome.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bench/campaign_cell.hpp"
#include "clients/comparison.hpp"
#include "common/program.hpp"

namespace echolab {
namespace {

std::string plural(std::size_t number, std::string_view noun) {
  return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
}

/// Why a cell's figures, whatever they are, keep no promise; empty: they may.
std::string why_void(const Threshold& threshold, const Cell& cell,
                     std::size_t rounds_with_figure) {
  const std::size_t rounds = cell.rows.size() + cell.failed;
  if (rounds == 0) return "it was not measured";
  if (cell.answered_nobody()) return "it answered nobody";
  if (cell.rows.empty()) return "it failed: " + cell.failure;
  if (cell.starved > 0 && threshold.metric->name != "starved")
    return fmt::format("it left {} without any reply", plural(cell.starved, "client"));
  if (2 * rounds_with_figure <= rounds)
    return fmt::format(
        "{} in {} of {}",
        quantile_of(*threshold.metric) ? "n is too small" : "it has no figure",
        rounds - rounds_with_figure, plural(rounds, "round"));
  if (cell.is_bound(*threshold.metric) && threshold.is_upper())
    return "the client was the limit, so it may be more";
  return "";
}

ThresholdOutcome outcome_of(const CampaignPlan& plan,
                            const std::vector<CampaignRow>& rows,
                            const Threshold& threshold, std::size_t contestant,
                            std::size_t level) {
  const Cell cell = cell_of(plan, rows, contestant, level, *threshold.metric);
  ThresholdOutcome outcome{.threshold = &threshold,
                           .model = plan.contestants[contestant].name,
                           .level = level,
                           .range = cell.main(),
                           .rounds = cell.rows.size() + cell.failed};
  outcome.why = why_void(threshold, cell, outcome.range.n);
  if (!outcome.why.empty()) return outcome;
  outcome.is_kept = threshold.is_kept_by(outcome.range.median);
  if (!outcome.is_kept && cell.is_bound(*threshold.metric))
    outcome.why = "the client was the limit, so it may be more";
  return outcome;
}

bool is_about(const Threshold& threshold, const Contestant& one, const Level& level) {
  if (!threshold.model.empty()) return one.name == threshold.model && serves(one, level);
  return one.twin_of.empty() && !one.is_ceiling && serves(one, level);
}

nlohmann::json figure_or_null(const ThresholdOutcome& outcome, double figure) {
  return outcome.range.n > 0 ? nlohmann::json(figure) : nlohmann::json();
}

}  // namespace

std::vector<ThresholdOutcome> threshold_outcomes(const CampaignPlan& plan,
                                                 const std::vector<CampaignRow>& rows) {
  std::vector<ThresholdOutcome> outcomes;
  for (const Threshold& threshold : plan.thresholds)
    for (std::size_t level = 0; level < plan.levels.size(); ++level) {
      if (threshold.level.value_or(level) != level) continue;
      for (std::size_t i = 0; i < plan.contestants.size(); ++i)
        if (is_about(threshold, plan.contestants[i], plan.levels[level]))
          outcomes.push_back(outcome_of(plan, rows, threshold, i, level));
      for (const auto& [one, reason] : plan.absent)
        if (one.name == threshold.model)
          outcomes.push_back({.threshold = &threshold,
                              .model = one.name,
                              .level = level,
                              .why = "it is unavailable: " + reason});
    }
  return outcomes;
}

bool are_kept(const std::vector<ThresholdOutcome>& outcomes) {
  return std::ranges::all_of(outcomes, &ThresholdOutcome::is_kept);
}

nlohmann::json thresholds_json(const CampaignPlan& plan,
                               const std::vector<ThresholdOutcome>& outcomes) {
  auto all = nlohmann::json::array();
  for (const ThresholdOutcome& one : outcomes)
    all.push_back({{"assert", one.threshold->text},
                   {"clause", one.threshold->clause},
                   {"model", one.model},
                   {"at", plan.levels[one.level].at},
                   {"metric", one.threshold->metric->name},
                   {"sign", one.threshold->sign},
                   {"limit", one.threshold->limit},
                   {"median", figure_or_null(one, one.range.median)},
                   {"low", figure_or_null(one, one.range.least)},
                   {"high", figure_or_null(one, one.range.most)},
                   {"n", one.range.n},
                   {"rounds", one.rounds},
                   {"state", one.is_kept ? "kept" : "missed"},
                   {"why", one.why}});
  return all;
}

std::string outcome_in_words(const CampaignPlan& plan, const ThresholdOutcome& outcome) {
  const Metric& metric = *outcome.threshold->metric;
  const Range& range = outcome.range;
  std::string text =
      fmt::format("{} at {}: ", outcome.model, plan.levels[outcome.level].name);
  if (range.n > 0) text += metric.shown(range.median);
  if (range.n > 1)
    text +=
        fmt::format(" [{} to {}]", metric.shown(range.least), metric.shown(range.most));
  if (range.n > 0) text += ", " + plural(range.n, "round");
  if (outcome.why.empty()) return text;
  return text + (range.n > 0 ? "; " : "") + outcome.why;
}

std::string thresholds_table(const CampaignPlan& plan,
                             const std::vector<ThresholdOutcome>& outcomes,
                             std::size_t columns) {
  if (outcomes.empty()) return "";
  const auto kept = std::ranges::count_if(outcomes, &ThresholdOutcome::is_kept);
  std::size_t width = 0;
  for (const ThresholdOutcome& one : outcomes)
    width = std::max(width, one.threshold->clause.size());
  std::string text = fmt::format("Thresholds: {} of {} kept\n", kept, outcomes.size());
  for (const ThresholdOutcome& one : outcomes) {
    const std::string head =
        fmt::format("  {} {:<6}  {:<{}}  ", kept_mark(one.is_kept),
                    one.is_kept ? "kept" : "missed", one.threshold->clause, width);
    const std::size_t indent = 13 + kept_mark_width() + width;
    const std::size_t room = columns > indent + 30 ? columns - indent : 30;
    std::string begin = head;
    for (const std::string& line : wrapped(outcome_in_words(plan, one), room)) {
      text += begin + line + "\n";
      begin.assign(indent, ' ');
    }
  }
  return text;
}

}  // namespace echolab
