// The table of a campaign, and below it in words what it says.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "bench/campaign_ceiling.hpp"
#include "bench/campaign_cell.hpp"
#include "bench/campaign_columns.hpp"
#include "bench/campaign_precision.hpp"
#include "bench/campaign_words.hpp"
#include "bench/claims.hpp"
#include "bench/drift.hpp"
#include "bench/threshold_outcome.hpp"
#include "bench/twin.hpp"
#include "clients/comparison.hpp"
#include "clients/load_report.hpp"
#include "common/program.hpp"
#include "common/time_unit.hpp"
#include "common/units.hpp"

namespace echolab {
namespace {

const Metric& metric_of(const CampaignPlan& plan) {
  return find_metric(plan.experiment->metric);
}

const Cell* baseline_of(const CampaignPlan& plan, const std::vector<Cell>& cells) {
  for (const Cell& cell : cells)
    if (plan.contestants[cell.contestant].name == plan.experiment->baseline &&
        cell.has_figures())
      return &cell;
  return cells.empty() || !cells.front().has_figures() ? nullptr : &cells.front();
}

using Outcomes = std::vector<ThresholdOutcome>;
using CellsByLevel = std::vector<std::vector<Cell>>;

Histogram merged(const Cell& cell) {
  Histogram all;
  for (const CampaignRow* row : cell.rows) all.merge(row->trial.load.response);
  return all;
}

/// The metrics that somebody asked for: those of the thresholds, and what is sorted by.
std::vector<const Metric*> wanted(const CampaignPlan& plan, const Paper& paper) {
  std::vector<const Metric*> asked;
  if (paper.sorted_by != nullptr) asked.push_back(paper.sorted_by);
  for (const Threshold& one : plan.thresholds) asked.push_back(one.metric);
  return asked;
}

bool has_threshold(const CampaignPlan& plan, const TableColumn& column) {
  return std::ranges::any_of(plan.thresholds, [&](const Threshold& one) {
    return one.metric->name == column.metric;
  });
}

/// As wide as what stands in them.
std::vector<TableColumn> widened(std::vector<TableColumn> columns,
                                 const CampaignPlan& plan, const CellsByLevel& levels) {
  for (TableColumn& column : columns) {
    if (has_threshold(plan, column)) column.width += 1 + kept_mark_width();
    if (column.head != "verdict") continue;
    for (const auto& cells : levels)
      for (const Cell& cell : cells)
        column.width = std::max(column.width, verdicts_text(cell).size());
  }
  return columns;
}

/// Draws what belongs to one campaign on one paper.
class Table {
 public:
  Table(const CampaignPlan& plan, const std::optional<Floor>& floor,
        const Outcomes& outcomes, const CellsByLevel& levels, Paper paper)
      : plan_(plan),
        floor_(floor),
        outcomes_(outcomes),
        sorted_by_(paper.sorted_by),
        text_width_(std::min<std::size_t>(paper.columns, 100)),
        by_family_(plan.contestants.size() > 12),
        bold_(paper.colour ? "\033[1m" : ""),
        dim_(paper.colour ? "\033[2m" : ""),
        plain_(paper.colour ? "\033[0m" : "") {
    for (const Contestant& one : plan.contestants)
      name_width_ = std::max(name_width_, std::min<std::size_t>(one.name.size(), 24));
    all_columns_ =
        widened(columns_for(metric_of(plan), wanted(plan, paper)), plan, levels);
    columns_ = fitting(all_columns_,
                       paper.columns - std::min(paper.columns, 2 + name_width_));
  }

  /// One level: a line per contestant, the best first.
  void add(const std::vector<Cell>& cells, const Level& level) {
    text_ += fmt::format("\n{}{}{}\n", bold_, level.name, plain_);
    text_ += fmt::format("{}  {:<{}}", dim_, "model", name_width_);
    for (const TableColumn& column : columns_)
      text_ += fmt::format(" {:>{}}", column.head, column.width);
    text_ += fmt::format("{}\n", plain_);
    const Cell* base = baseline_of(plan_, cells);
    std::vector<TableLine> lines;
    for (const Cell& cell : cells)
      lines.push_back({cell, base, floor_, level, merged(cell)});
    std::vector<const TableLine*> sorted;
    for (const TableLine& line : lines) sorted.push_back(&line);
    if (sorted_by_ != nullptr) sort_lines(sorted, *sorted_by_);
    if (by_family_) return add_by_family(sorted);
    for (const TableLine* line : sorted) add_line(*line);
  }

  void add_ceiling(const Ceiling& ceiling) {
    text_ += fmt::format("  {}the client by itself: {} req/s, of {} trial{}{}\n", dim_,
                         show_count(ceiling.requests_per_second), ceiling.n,
                         ceiling.n == 1 ? "" : "s", plain_);
  }

  void add_words(const std::string& words, std::size_t indent = 0) {
    for (const std::string& line : wrapped(words, text_width_ - indent)) {
      text_ += line + "\n" + std::string(indent, ' ');
    }
    text_.resize(text_.size() - indent);
  }

  /// How many trials do not count, and why.
  void add_excluded(const std::vector<CampaignRow>& rows) {
    std::map<std::string, std::size_t> reasons;
    for (const CampaignRow& row : rows)
      if (!row.excluded.empty()) ++reasons[row.excluded];
    if (reasons.empty()) return;
    std::size_t all = 0;
    std::string text;
    for (const auto& [reason, n] : reasons) {
      all += n;
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", n, reason);
    }
    add_words(fmt::format(
        "Excluded: {} of {} trials ({}); of each place the last trial counts.", all,
        rows.size(), text));
  }

  /// What the heads of the columns mean, and who is not there. `ties`: how near to 1 a
  /// ratio is none.
  void add_notes(bool bound, std::uint64_t rounds, const std::string& ties) {
    text_ += "\n" + dim_;
    add_words(fmt::format(
        "CPU/req: server CPU time per request, whole process tree, median of {} rounds. "
        "floor: CPU/req over half a loopback round trip{}. ratio: {} over {} in the "
        "same round, {} and median. switches: context switches per request. starved: "
        "clients without one reply. verdict: of the trials that count; what is not "
        "VALID is doubtful, or a bound.",
        rounds, floor_ ? fmt::format(" ({})", show_time(floor_->round_trip_ns / 2)) : "",
        metric_of(plan_).head, base_in_words(),
        rounds < 6 ? "least-most" : "95 % interval"));
    add_words(ties);
    if (bound)
      add_words(
          "+ CLIENT-BOUND: the client was at its limit, the server may serve more "
          "than this.");
    if (sorted_by_ != nullptr)
      add_words(fmt::format("Sorted by {}, the best first.", sorted_by_->words));
    if (!outcomes_.empty())
      add_words(fmt::format("{} keeps its threshold, {} misses it (--assert).",
                            kept_mark(true), kept_mark(false)));
    if (columns_.size() < all_columns_.size())
      add_words("Left out here: " + left_out() + "; --wide shows them.");
    text_ += plain_;
    for (const auto& [one, reason] : plan_.absent)
      add_words(fmt::format("{} is unavailable: {}.", one.name, reason), 2);
    text_ += "\n";
  }

  void add_thresholds() {
    if (outcomes_.empty()) return;
    text_ += thresholds_table(plan_, outcomes_, text_width_) + "\n";
  }

  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  void add_by_family(const std::vector<const TableLine*>& lines) {
    for (const std::string& family : families()) {
      std::string heading = fmt::format(" {}{}{}\n", dim_, family, plain_);
      std::ranges::replace(heading, '_', ' ');
      for (const TableLine* line : lines)
        if (plan_.contestants[line->cell.contestant].family == family) {
          text_ += std::exchange(heading, "");
          add_line(*line);
        }
    }
  }

  void add_line(const TableLine& line) {
    const std::string& name = plan_.contestants[line.cell.contestant].name;
    text_ += fmt::format("  {:<{}.{}}", name, name_width_, name_width_);
    if (line.cell.rows.empty()) {
      text_ += " ";
      add_words(fmt::format("FAILED in {} round{}: {}", line.cell.failed,
                            line.cell.failed == 1 ? "" : "s", line.cell.failure),
                name_width_ + 3);
      return;
    }
    for (const TableColumn& column : columns_)
      text_ += fmt::format(" {:>{}}", column.text(line, column) + mark(line, column),
                           column.width);
    text_ += "\n";
  }

  /// Beside a figure that a threshold is about; as wide, where others in its column have
  /// one.
  [[nodiscard]] std::string mark(const TableLine& line, const TableColumn& column) const {
    if (!has_threshold(plan_, column)) return "";
    bool is_asked = false;
    bool is_kept = true;
    for (const ThresholdOutcome& one : outcomes_)
      if (one.threshold->metric->name == column.metric &&
          one.level == line.cell.level &&
          one.model == plan_.contestants[line.cell.contestant].name) {
        is_asked = true;
        is_kept = is_kept && one.is_kept;
      }
    return is_asked ? fmt::format(" {}", kept_mark(is_kept))
                    : std::string(1 + kept_mark_width(), ' ');
  }

  /// What ratios are to: baseline_of() in words.
  [[nodiscard]] std::string base_in_words() const {
    const std::string_view name = plan_.experiment->baseline;
    return index_of(plan_, name) < plan_.contestants.size() ? fmt::format("{}'s", name)
                                                            : "the best one's";
  }

  /// Each once, in the order of the catalogue.
  [[nodiscard]] std::vector<std::string> families() const {
    std::vector<std::string> found;
    for (const Contestant& one : plan_.contestants)
      if (std::ranges::count(found, one.family) == 0) found.push_back(one.family);
    return found;
  }

  [[nodiscard]] std::string left_out() const {
    std::vector<std::string> heads;
    for (const TableColumn& column : all_columns_)
      if (std::ranges::count(columns_, column.head, &TableColumn::head) == 0)
        heads.emplace_back(column.head.substr(0, column.head.find_last_not_of(' ') + 1));
    return fmt::format("{}", fmt::join(heads, ", "));
  }

  const CampaignPlan& plan_;
  const std::optional<Floor>& floor_;
  const Outcomes& outcomes_;
  const Metric* sorted_by_;
  std::size_t text_width_;
  bool by_family_;
  std::string bold_;
  std::string dim_;
  std::string plain_;
  std::size_t name_width_ = 18;
  std::vector<TableColumn> all_columns_;
  std::vector<TableColumn> columns_;  ///< that fit
  std::string text_;
};

/// Whose company did not stay at a level: its figures are of fewer connections than
/// meant.
std::string company_in_words(const CampaignPlan& plan, const std::vector<Cell>& cells,
                             const Level& level) {
  const std::size_t all = connections_of(level.load) - level.load.connections;
  std::string names;
  for (const Cell& cell : cells) {
    const double failed =
        cell.range([](const Trial& t) { return static_cast<double>(t.company_failed); })
            .median;
    if (failed > 0)
      names += fmt::format("{}{} ({:.0f} ended)", names.empty() ? "" : ", ",
                           plan.contestants[cell.contestant].name, failed);
  }
  if (names.empty()) return "";
  return fmt::format(" Not all of the {} other connections stayed with {}.", all, names);
}

/// Of what kinds the errors of a level were, and whose.
std::string failures_in_words(const CampaignPlan& plan, const std::vector<Cell>& cells) {
  std::string text;
  for (const Cell& cell : cells)
    if (const std::string kinds = errors_in_words(cell.errors); !kinds.empty())
      text += fmt::format("{}{}: {}", text.empty() ? " Errors of " : "; of ",
                          plan.contestants[cell.contestant].name, kinds);
  return text.empty() ? text : text + ".";
}

}  // namespace

std::string campaign_table(const CampaignPlan& plan, const std::vector<CampaignRow>& rows,
                           const std::optional<Floor>& floor, Paper paper) {
  const Outcomes outcomes = threshold_outcomes(plan, rows);
  CellsByLevel levels;
  for (std::size_t i = 0; i < plan.levels.size(); ++i)
    levels.push_back(cells_at(plan, rows, i));
  Table table(plan, floor, outcomes, levels, paper);
  std::vector<std::string> words;
  std::vector<TieBand> bands;
  bool bound = false;
  for (std::size_t i = 0; i < plan.levels.size(); ++i) {
    const std::vector<Cell>& cells = levels[i];
    if (cells.empty()) continue;
    table.add(cells, plan.levels[i]);
    if (const auto ceiling = ceiling_at(plan, rows, i)) table.add_ceiling(*ceiling);
    bound = bound || std::ranges::any_of(cells, &Cell::client_bound);
    const auto twins = twin_ratios(plan, rows, i, metric_of(plan));
    bands.push_back({plan.levels[i].name, tie_factor(twins)});
    words.push_back(level_in_words(plan, cells, plan.levels[i], bands.back().factor) +
                    twin_text(plan, twins) +
                    company_in_words(plan, cells, plan.levels[i]) +
                    failures_in_words(plan, cells));
  }
  table.add_notes(bound, rounds_in(rows), ties_in_words(bands));
  table.add_thresholds();
  table.add_words(std::string(plan.experiment->question));
  for (const std::string& sentence : words) table.add_words(sentence);
  for (const std::string& sentence : plan.tuned) table.add_words(sentence);
  for (const std::string& sentence : claims_in_words(plan, rows))
    table.add_words(sentence);
  if (const auto precision = precision_in_words(plan, rows); !precision.empty())
    table.add_words(fmt::format("Ratios {}.", precision));
  if (const auto drift = drift_in_words(plan, rows); !drift.empty())
    table.add_words(drift);
  table.add_excluded(rows);
  return table.text();
}

}  // namespace echolab
