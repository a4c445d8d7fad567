#include "bench/campaign_columns.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <limits>
#include <utility>

#include "bench/metric.hpp"
#include "common/time_unit.hpp"
#include "common/units.hpp"

namespace echolab {
namespace {

Range against(const TableLine& line) {
  return line.base != nullptr ? range_of(ratios_of(line.cell.figures, line.base->figures))
                              : Range{};
}

std::string metric_text(const TableLine& line, const TableColumn& column) {
  const Metric& metric = find_metric(column.metric);
  const auto figure = shown_figure(line, metric);
  return figure ? metric.shown(*figure) : "-";
}

/// A lower bound has a + behind it.
std::string rate_text(const TableLine& line, const TableColumn& column) {
  return metric_text(line, column) + (line.cell.client_bound ? "+" : " ");
}

std::string rate_range(const TableLine& line, const TableColumn& /*column*/) {
  const Range rate =
      line.cell.range([](const Trial& t) { return t.load.requests_per_second(); });
  return fmt::format("{}..{}", show_count(rate.least), show_count(rate.most));
}

std::string over_floor(const TableLine& line, const TableColumn& /*column*/) {
  const auto cpu_ns = shown_figure(line, find_metric("cpu_ns"));
  if (!line.floor || !cpu_ns) return "-";
  return fmt::format("{:.1f}x", *cpu_ns / (line.floor->round_trip_ns / 2));
}

std::string ratio_range(const TableLine& line, const TableColumn& /*column*/) {
  return fmt::format("{:.2f}..{:.2f}", against(line).least, against(line).most);
}

std::string ratio(const TableLine& line, const TableColumn& /*column*/) {
  return fmt::format("{:.2f}x", against(line).median);
}

std::string errors(const TableLine& line, const TableColumn& /*column*/) {
  return show_count(static_cast<double>(line.cell.errors.total()));
}

std::string starved(const TableLine& line, const TableColumn& /*column*/) {
  return show_count(
      line.cell
          .range([](const Trial& t) { return static_cast<double>(t.load.starved()); })
          .median);
}

std::string verdict(const TableLine& line, const TableColumn& /*column*/) {
  return verdicts_text(line.cell);
}

constexpr TableColumn columns[] = {
    {"CPU/req", 9, 2, metric_text, "cpu_ns", true},
    {"floor", 6, 11, over_floor},
    {"ratio range", 13, 5, ratio_range},
    {"ratio", 6, 1, ratio},
    {"p50", 9, 8, metric_text, "p50_ns", true},
    {"p90", 9, 15, metric_text, "p90_ns", true},
    {"p99", 9, 6, metric_text, "p99_ns", true},
    {"p99.9", 9, 13, metric_text, "p999_ns", true},
    {"max", 9, 16, metric_text, "max_ns", true},
    {"req/s ", 9, 7, rate_text, "rate"},
    {"req/s range", 13, 14, rate_range},
    {"errors", 6, 18, errors},
    {"procs", 5, 17, metric_text, "processes"},
    {"threads", 7, 9, metric_text, "threads"},
    {"PSS/client", 10, 10, metric_text, "pss_per_client"},
    {"switches", 8, 12, metric_text, "switches"},
    {"starved", 7, 3, starved, "starved"},
    {"verdict", 7, 4, verdict},
};

/// How many connections are served each second is asked where they are brief.
bool is_of_brief_connections(const Metric& metric) {
  return metric.name == "cpu_ns_per_connection" || metric.name == "connect_p99_ns";
}

/// The column of a metric; one of its own where no other shows it.
TableColumn& column_of(std::vector<TableColumn>& all, const Metric& metric) {
  const auto found = std::ranges::find(all, metric.name, &TableColumn::metric);
  if (found != all.end()) return *found;
  return *all.insert(all.begin(),
                     {metric.head, std::max<std::size_t>(metric.head.size(), 9), 1,
                      metric_text, metric.name, kind_of(metric) == MetricKind::time});
}

}  // namespace

std::vector<TableColumn> columns_for(const Metric& headline,
                                     const std::vector<const Metric*>& wanted) {
  std::vector<TableColumn> kept(std::begin(columns), std::end(columns));
  if (is_of_brief_connections(headline))
    kept.insert(kept.begin(), {"conn/s ", 9, 3, rate_text, "connections_per_second"});
  for (const Metric* metric : wanted) column_of(kept, *metric).rank = 1;
  TableColumn& own = column_of(kept, headline);
  own.rank = 0;
  const auto at = kept.begin() + (&own - kept.data());
  std::rotate(kept.begin(), at, at + 1);
  constexpr std::size_t whole_ns = 5;  // more digits: "1250000000 ns"
  if (is_time_unit_fixed())
    for (TableColumn& column : kept) column.width += column.is_time ? whole_ns : 0;
  return kept;
}

std::vector<TableColumn> fitting(std::vector<TableColumn> kept, std::size_t room) {
  const auto width = [&] {
    std::size_t sum = 0;
    for (const TableColumn& column : kept) sum += 1 + column.width;
    return sum;
  };
  while (kept.size() > 1 && width() > room)
    kept.erase(std::ranges::max_element(kept, {}, &TableColumn::rank));
  return kept;
}

bool is_percentile(const TableColumn& column) {
  if (column.metric.empty()) return false;
  const auto quantile = quantile_of(find_metric(column.metric));
  return column.metric == "connect_p99_ns" || (quantile && *quantile < 1);
}

std::optional<double> shown_figure(const TableLine& line, const Metric& metric) {
  if (const auto quantile = quantile_of(metric)) {
    const auto ns = line.response.quantile_ns(*quantile);
    return ns && *ns > 0 ? std::optional(static_cast<double>(*ns)) : std::nullopt;
  }
  std::vector<double> figures;
  for (const CampaignRow* row : line.cell.rows)
    if (const auto figure = metric.of(row->trial, line.level.load))
      figures.push_back(*figure);
  return figures.empty() ? std::nullopt : std::optional(range_of(figures).median);
}

void sort_lines(std::vector<const TableLine*>& lines, const Metric& metric) {
  std::ranges::stable_sort(lines, {}, [&](const TableLine* line) {
    const auto figure = shown_figure(*line, metric);
    if (!figure) return std::numeric_limits<double>::infinity();
    return metric.more_is_better ? -*figure : *figure;
  });
}

std::string verdicts_text(const Cell& cell) {
  std::vector<std::pair<Verdict, std::size_t>> all(cell.verdicts.begin(),
                                                   cell.verdicts.end());
  if (all.empty()) return "-";
  if (all.size() == 1) return std::string(verdict_text(all.front().first));
  std::ranges::stable_sort(all, std::greater<>(),
                           [](const auto& one) { return one.second; });
  const auto second = all.begin() + 1;
  std::iter_swap(second, std::max_element(second, all.end()));  // the gravest
  std::string text =
      fmt::format("{} {}, {} {}", all[0].second, verdict_text(all[0].first),
                  all[1].second, verdict_text(all[1].first));
  std::size_t more = 0;
  for (std::size_t i = 2; i < all.size(); ++i) more += all[i].second;
  return more == 0 ? text : fmt::format("{}, {} more", text, more);
}

}  // namespace echolab
