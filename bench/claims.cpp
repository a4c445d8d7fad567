#include "bench/claims.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>

#include "bench/campaign_cell.hpp"
#include "bench/twin.hpp"

namespace echolab {
namespace {

constexpr std::string_view same_order = "same order";
constexpr std::string_view reversed = "reversed";
constexpr std::string_view not_shown = "not shown";
constexpr std::string_view not_measured = "not measured";
constexpr std::string_view alike = "alike";  // of claims that two have about the same
constexpr std::string_view unlike = "unlike";

std::string plural(std::size_t number, std::string_view noun) {
  return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
}

/// One claim, and the campaign that it is held beside.
struct Inquiry {
  const CampaignPlan& plan;
  const std::vector<CampaignRow>& rows;
  const Claim& claim;
  const Metric& metric;
  const CampaignFamily& family;  ///< of the metric

  [[nodiscard]] Cell cell(std::string_view model, std::size_t level) const {
    return cell_of(plan, rows, index_of(plan, model), level, metric);
  }
  /// No answer at all is no throughput at all; of other metrics it says nothing.
  [[nodiscard]] bool is_usable(const Cell& cell) const {
    return cell.has_figures() || (metric.name == "rate" && cell.answered_nobody());
  }
  /// The claim's, or all.
  [[nodiscard]] bool is_asked(std::size_t level) const {
    return !claim.at || plan.levels[level].at == *claim.at;
  }
  [[nodiscard]] bool was_tried(std::size_t level) const {
    return std::ranges::any_of(rows, [&](const CampaignRow& row) {
      const Contestant& one = plan.contestants[row.contestant];
      return row.level == level && row.excluded.empty() && one.twin_of.empty() &&
             !one.is_ceiling;
    });
  }
};

/// Of a model that has no figure for the claim: at which levels it answered nobody.
std::string silence_of(const Inquiry& asked, std::string_view model) {
  for (std::size_t level = asked.plan.levels.size(); level-- > 0;)
    if (asked.is_asked(level) && asked.cell(model, level).answered_nobody())
      return fmt::format("{} answered nobody at {}", model,
                         asked.plan.levels[level].name);
  return "";
}

bool is_usable_somewhere(const Inquiry& asked, std::string_view model) {
  for (std::size_t level = 0; level < asked.plan.levels.size(); ++level)
    if (asked.is_asked(level) && asked.is_usable(asked.cell(model, level))) return true;
  return false;
}

/// Why the two share no level with figures, in a note each.
std::vector<std::string> why_not_measured(const Inquiry& asked) {
  const auto& levels = asked.plan.levels;
  std::string where;
  if (asked.claim.at) {
    const auto level = std::ranges::find(levels, *asked.claim.at, &Level::at);
    if (level == levels.end() ||
        !asked.was_tried(static_cast<std::size_t>(level - levels.begin())))
      return {fmt::format("the level {:g} of {} was not measured", *asked.claim.at,
                          asked.plan.experiment->axis)};
    where = " at " + level->name;
  }
  std::vector<std::string> notes;
  std::string gone;
  for (const std::string_view model : {asked.claim.less, asked.claim.more}) {
    if (is_usable_somewhere(asked, model)) continue;
    if (std::string silence = silence_of(asked, model); !silence.empty())
      notes.push_back(std::move(silence));
    else
      gone += fmt::format("{}{}", gone.empty() ? "" : " or of ", model);
  }
  if (!gone.empty()) notes.push_back(fmt::format("no figure of {}{}", gone, where));
  if (notes.empty()) notes.emplace_back("the two share no level");
  return notes;
}

/// What else was so at that level.
std::vector<std::string> notes_on(const Inquiry& asked, const Cell& less,
                                  const Cell& more) {
  std::vector<std::string> notes;
  for (const Cell* cell : {&less, &more}) {
    const std::string& name = asked.plan.contestants[cell->contestant].name;
    if (cell->answered_nobody())
      notes.push_back(fmt::format("{} answered nobody", name));
    else if (!cell->unanswered.empty())
      notes.push_back(fmt::format("{} answered nobody in {}", name,
                                  plural(cell->unanswered.size(), "round")));
    if (cell->starved > 0)
      notes.push_back(fmt::format("{} left {} without any reply", name,
                                  plural(cell->starved, "client")));
    if (cell->is_bound(asked.metric))
      notes.push_back(fmt::format("the client was the limit of {}", name));
  }
  return notes;
}

/// Empty where so many rounds can decide.
std::vector<std::string> too_few(std::size_t rounds) {
  if (rounds >= fewest_rounds) return {};
  return {plural(rounds, "round") + " only, too few to decide"};
}

/// p: of the ratio more / less, in the family.
std::string_view word_of(const Range& ratio, double p, double factor, bool less_is_bound,
                         bool more_is_bound) {
  if (shown_of(ratio, p, factor) != Shown::different || less_is_bound ||
      (more_is_bound && ratio.median < 1))
    return not_shown;
  return ratio.median > 1 ? same_order : reversed;
}

/// Whether the two have about the same. Of a lower bound nobody knows how near it is.
std::string_view likeness_of(const Range& ratio, double p, double factor, bool is_bound) {
  if (ratio.n < fewest_rounds || is_bound) return not_shown;
  if (1 / factor <= ratio.least && ratio.most <= factor) return alike;
  return shown_of(ratio, p, factor) == Shown::different ? unlike : not_shown;
}

void append(std::vector<std::string>& notes, std::vector<std::string> more) {
  std::ranges::move(more, std::back_inserter(notes));
}

/// One of the two answered nobody, so that it has no throughput, or both.
ClaimOutcome unanswered_outcome(const Inquiry& asked, const Cell& less,
                                const Cell& more) {
  const bool less_is_quiet = !less.has_figures();
  const Cell& quiet = less_is_quiet ? less : more;
  const Cell& heard = less_is_quiet ? more : less;
  const auto n = static_cast<std::size_t>(std::ranges::count_if(
      quiet.unanswered,
      [&](std::uint64_t round) { return heard.figures.contains(round); }));
  ClaimOutcome outcome{.claim = &asked.claim, .word = not_shown, .level = less.level};
  if (n >= fewest_rounds)
    outcome.word = asked.claim.within ? unlike : less_is_quiet ? same_order : reversed;
  outcome.notes = notes_on(asked, less, more);
  if (heard.has_figures()) append(outcome.notes, too_few(n));
  return outcome;
}

ClaimOutcome outcome_at(const Inquiry& asked, const Cell& less, const Cell& more) {
  if (!less.has_figures() || !more.has_figures())
    return unanswered_outcome(asked, less, more);
  ClaimOutcome outcome{.claim = &asked.claim, .word = not_measured, .level = less.level};
  outcome.ratio = range_of(ratios_of(more.figures, less.figures));
  if (outcome.ratio.n == 0) {
    outcome.notes = {"they share no round"};
    return outcome;
  }
  outcome.is_bound = more.is_bound(asked.metric);
  const bool less_is_bound = less.is_bound(asked.metric);
  const double p = asked.family.p(less.level, less.contestant, more.contestant);
  double factor =
      tie_factor(twin_ratios(asked.plan, asked.rows, less.level, asked.metric));
  if (asked.claim.within) {
    factor = std::max(factor, *asked.claim.within);
    outcome.word =
        likeness_of(outcome.ratio, p, factor, less_is_bound || outcome.is_bound);
    outcome.notes = {fmt::format("about the same is a ratio within {:.0f} % of 1",
                                 100 * (factor - 1))};
  } else {
    outcome.word = word_of(outcome.ratio, p, factor, less_is_bound, outcome.is_bound);
  }
  append(outcome.notes, notes_on(asked, less, more));
  append(outcome.notes, too_few(outcome.ratio.n));
  return outcome;
}

ClaimOutcome outcome_of(const Inquiry& asked) {
  for (std::size_t level = asked.plan.levels.size(); level-- > 0;) {
    if (!asked.is_asked(level)) continue;
    const Cell less = asked.cell(asked.claim.less, level);
    const Cell more = asked.cell(asked.claim.more, level);
    if (asked.is_usable(less) && asked.is_usable(more))
      return outcome_at(asked, less, more);
  }
  ClaimOutcome outcome{.claim = &asked.claim, .word = not_measured};
  outcome.notes = why_not_measured(asked);
  return outcome;
}

/// Three digits: 0.987, 3.21, 39.0, 123.
std::string shown(double ratio) {
  const int places = 2 - static_cast<int>(std::floor(std::log10(ratio)));
  return fmt::format("{:.{}f}", ratio, std::max(places, 0));
}

/// "thread_pool / epoll_level at 16 clients, requests per second: ≥ 3.21 (3.02 to 3.40,
/// n = 9)", and the notes.
std::string measured_text(const CampaignPlan& plan, const ClaimOutcome& outcome) {
  std::string notes = fmt::format("{}", fmt::join(outcome.notes, "; "));
  if (!outcome.level) return notes;
  const std::string& level = plan.levels[*outcome.level].name;
  const Range& ratio = outcome.ratio;
  if (ratio.n == 0) return fmt::format("at {}: {}", level, notes);
  const Claim& claim = *outcome.claim;
  const std::string interval =
      ratio.n > 1 ? fmt::format("{} to {}, ", shown(ratio.least), shown(ratio.most)) : "";
  return fmt::format("{} / {} at {}, {}: {}{} ({}n = {}){}{}", claim.more, claim.less,
                     level, find_metric(claim.metric).words, outcome.is_bound ? "≥ " : "",
                     shown(ratio.median), interval, ratio.n, notes.empty() ? "" : "; ",
                     notes);
}

}  // namespace

std::vector<ClaimOutcome> claim_outcomes(const CampaignPlan& plan,
                                         const std::vector<CampaignRow>& rows) {
  std::map<std::string_view, CampaignFamily> families;
  std::vector<ClaimOutcome> outcomes;
  for (const Claim& claim : plan.experiment->claims) {
    const Metric& metric = find_metric(claim.metric);
    const auto family = families.try_emplace(metric.name, plan, rows, metric).first;
    outcomes.push_back(outcome_of({plan, rows, claim, metric, family->second}));
  }
  return outcomes;
}

std::vector<std::string> claims_in_words(const CampaignPlan& plan,
                                         const std::vector<CampaignRow>& rows) {
  std::vector<std::string> texts;
  for (const ClaimOutcome& outcome : claim_outcomes(plan, rows)) {
    const Claim& claim = *outcome.claim;
    texts.push_back(fmt::format("Claim: {} ({}). Here: {}; {}.", claim.text, claim.source,
                                outcome.word, measured_text(plan, outcome)));
    if (outcome.word != same_order && outcome.word != alike)
      texts.back() += fmt::format(" It may differ because {}.", claim.why_not);
  }
  return texts;
}

}  // namespace echolab
