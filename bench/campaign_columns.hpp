// The columns of a campaign's table: what each shows of a cell, and which of them fit.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/campaign_cell.hpp"

namespace echolab {

/// What a column may need. What is no value is borrowed.
struct TableLine {
  const Cell& cell;
  const Cell* base;  ///< the ratios are to it; nullptr: there are none
  const std::optional<Floor>& floor;
  const Level& level;
  Histogram response;  ///< of all rounds: merged, never averaged
};

struct TableColumn {
  std::string_view head;
  std::size_t width;
  int rank;  ///< the greatest goes first where there is no room for all
  std::string (*text)(const TableLine&, const TableColumn&);
  std::string_view metric = {};  ///< that it shows; empty: none
  bool is_time = false;
};

/// All columns, the headline's first. `wanted` ones are kept as long as that.
std::vector<TableColumn> columns_for(const Metric& headline,
                                     const std::vector<const Metric*>& wanted);

/// "p50", "connect p99": a column that says "-" where too few values support one.
bool is_percentile(const TableColumn& column);

/// Those that fit beside the names.
std::vector<TableColumn> fitting(std::vector<TableColumn> kept, std::size_t room);

/// What the table has of a metric: of a quantile that of all rounds merged, else the
/// median of the rounds. Empty where there is none.
std::optional<double> shown_figure(const TableLine& line, const Metric& metric);

/// The best by `metric` first, those without a figure last; of equals, as they come.
void sort_lines(std::vector<const TableLine*>& lines, const Metric& metric);

/// "VALID", "7 VALID, 2 NOISY", "5 VALID, 1 FAILED, 3 more": of the trials that count,
/// the most frequent first, and the gravest of the others.
std::string verdicts_text(const Cell& cell);

}  // namespace echolab
