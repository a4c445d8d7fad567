#include "bench/campaign_columns.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "bench/metric.hpp"
#include "common/time_unit.hpp"
#include "common/units.hpp"

namespace echolab {
namespace {

Range cpu_of(const Cell& cell) {
  return cell.range([](const Trial& t) { return t.server.cpu_ns_per_request; });
}

double middle_quantile(const Cell& cell, double q) {
  Histogram merged;  // merged, never averaged
  for (const CampaignRow* row : cell.rows) merged.merge(row->trial.load.response);
  return static_cast<double>(merged.quantile_ns(q).value_or(0));
}

std::string shown(double ns) {
  return ns > 0 ? show_time(ns) : "-";
}

Range against(const TableLine& line) {
  return line.base != nullptr ? range_of(ratios_of(line.cell.figures, line.base->figures))
                              : Range{};
}

std::string count(const TableLine& line, double (*figure)(const Trial&)) {
  return show_count(line.cell.range(figure).median);
}

/// A metric's median, as it is shown; "-" without one.
std::string median(const TableLine& line, std::string_view name) {
  const Metric& one = find_metric(name);
  std::vector<double> figures;
  for (const CampaignRow* row : line.cell.rows)
    if (const auto figure = one.of(row->trial, line.level.load))
      figures.push_back(*figure);
  return figures.empty() ? "-" : one.shown(range_of(figures).median);
}

std::string switches(const TableLine& line) {
  const auto each = [](const Trial& t) {
    return t.server.voluntary_switches_per_request +
           t.server.involuntary_switches_per_request;
  };
  return fmt::format("{:.2f}", line.cell.range(each).median);
}

/// Where the client was the limit it is a lower bound.
std::string connections(const TableLine& line) {
  return median(line, "connections_per_second") + (line.cell.client_bound ? "+" : " ");
}

std::string over_floor(const TableLine& line) {
  if (!line.floor) return "-";
  return fmt::format("{:.1f}x",
                     cpu_of(line.cell).median / (line.floor->round_trip_ns / 2));
}

std::string ratio_range(const TableLine& line) {
  return fmt::format("{:.2f}..{:.2f}", against(line).least, against(line).most);
}

double rate(const Trial& t) {
  return t.load.requests_per_second();
}
double threads(const Trial& t) {
  return static_cast<double>(t.server.size.threads);
}
double starved(const Trial& t) {
  return static_cast<double>(t.load.starved());
}

constexpr TableColumn columns[] = {
    {"CPU/req", 9, 2, [](const TableLine& l) { return shown(cpu_of(l.cell).median); }, true},
    {"floor", 6, 10, over_floor},
    {"ratio range", 13, 4, ratio_range},
    {"ratio", 6, 1,
     [](const TableLine& l) { return fmt::format("{:.2f}x", against(l).median); }},
    {"p50", 9, 7, [](const TableLine& l) { return shown(middle_quantile(l.cell, 0.5)); },
     true},
    {"p99", 9, 5, [](const TableLine& l) { return shown(middle_quantile(l.cell, 0.99)); },
     true},
    {"req/s ", 9, 6,
     [](const TableLine& l) { return count(l, rate) + (l.cell.client_bound ? "+" : " "); }},
    {"threads", 7, 9, [](const TableLine& l) { return count(l, threads); }},
    {"PSS/client", 10, 8, [](const TableLine& l) { return median(l, "pss_per_client"); }},
    {"switches", 8, 11, switches},
    {"starved", 7, 3, [](const TableLine& l) { return count(l, starved); }},
};

/// How many connections are served each second is asked where they are brief.
bool is_of_brief_connections(const Metric& metric) {
  return metric.name == "cpu_ns_per_connection" || metric.name == "connect_p99_ns";
}

}  // namespace

std::vector<TableColumn> columns_for(const Metric& metric) {
  std::vector<TableColumn> kept(std::begin(columns), std::end(columns));
  if (is_of_brief_connections(metric))
    kept.insert(kept.begin(), {"conn/s ", 9, 3, connections});
  const auto own = std::ranges::find_if(kept, [&](const TableColumn& column) {
    return column.head.substr(0, metric.head.size()) == metric.head;
  });
  if (own != kept.end()) {
    own->rank = 0;
    std::rotate(kept.begin(), own, own + 1);
  } else {
    kept.insert(kept.begin(), {metric.head, std::max<std::size_t>(metric.head.size(), 9),
                               0, [](const TableLine& l) { return median(l, l.metric.name); },
                               metric.shown == show_time});
  }
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
  const std::size_t p = column.head.rfind('p');
  return p < column.head.size() - 1 && column.head[p + 1] >= '0' &&
         column.head[p + 1] <= '9';
}

}  // namespace echolab
