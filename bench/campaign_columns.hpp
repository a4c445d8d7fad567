// The columns of a campaign's table: what each shows of a cell, and which of them fit.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/campaign_cell.hpp"

namespace echolab {

/// What a column may need. All of it is borrowed.
struct TableLine {
  const Cell& cell;
  const Cell* base;  ///< the ratios are to it; nullptr: there are none
  const std::optional<Floor>& floor;
  const Level& level;
  const Metric& metric;
};

struct TableColumn {
  std::string_view head;
  std::size_t width;
  int rank;  ///< the greatest goes first where the terminal is narrow
  std::string (*text)(const TableLine&);
  bool is_time = false;
};

/// All columns, the headline's first.
std::vector<TableColumn> columns_for(const Metric& metric);

/// "p50", "connect p99": a column that says "-" where too few values support one.
bool is_percentile(const TableColumn& column);

/// Those that fit beside the names.
std::vector<TableColumn> fitting(std::vector<TableColumn> kept, std::size_t room);

}  // namespace echolab
