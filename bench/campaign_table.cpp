// The table of a campaign, and in words what it says.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "bench/campaign.hpp"
#include "common/units.hpp"

namespace echolab {
namespace {

bool measured(const CampaignRow& row) {
  const Verdict verdict = row.trial.judgement.verdict;
  return verdict != Verdict::failed && verdict != Verdict::corrupt;
}

/// One line of the table: a contestant at a number of clients, over all rounds.
struct Cell {
  std::size_t contestant = 0;
  std::vector<const CampaignRow*> rows;  ///< by round; only those that were measured
  std::size_t failed = 0;
  std::string failure;

  template <class Figure>
  [[nodiscard]] Range range(Figure figure) const {
    std::vector<double> figures;
    for (const CampaignRow* row : rows) figures.push_back(figure(row->trial));
    return range_of(figures);
  }
  [[nodiscard]] Range cpu() const {
    return range([](const Trial& t) { return t.server.cpu_ns_per_request; });
  }
  [[nodiscard]] bool bound() const {
    return std::ranges::any_of(rows, [](const CampaignRow* row) {
      return row->trial.judgement.verdict == Verdict::client_bound;
    });
  }
};

std::vector<Cell> cells_at(const CampaignPlan& plan, const std::vector<CampaignRow>& rows,
                           std::uint64_t clients) {
  std::vector<Cell> cells(plan.contestants.size());
  for (std::size_t i = 0; i < cells.size(); ++i) cells[i].contestant = i;
  for (const CampaignRow& row : rows) {
    if (row.clients != clients) continue;
    Cell& cell = cells[row.contestant];
    if (measured(row)) {
      cell.rows.push_back(&row);
    } else {
      ++cell.failed;
      cell.failure = row.trial.judgement.reason;
    }
  }
  std::erase_if(cells,
                [](const Cell& cell) { return cell.rows.empty() && cell.failed == 0; });
  std::ranges::stable_sort(cells, [](const Cell& a, const Cell& b) {
    if (a.rows.empty() || b.rows.empty()) return b.rows.empty() && !a.rows.empty();
    return a.cpu().median < b.cpu().median;
  });
  return cells;
}

/// CPU per request of `cell` over that of `base`, round by round, so that what slows a
/// whole round down does not count.
Range ratio(const Cell& cell, const Cell& base) {
  std::map<std::uint64_t, double> by_round;
  for (const CampaignRow* row : base.rows)
    by_round[row->round] = row->trial.server.cpu_ns_per_request;
  std::vector<double> ratios;
  for (const CampaignRow* row : cell.rows)
    if (const auto other = by_round.find(row->round); other != by_round.end())
      ratios.push_back(row->trial.server.cpu_ns_per_request / other->second);
  return range_of(ratios);
}

const Cell* baseline_of(const CampaignPlan& plan, const std::vector<Cell>& cells) {
  for (const Cell& cell : cells)
    if (plan.contestants[cell.contestant].name == "epoll_level" && !cell.rows.empty())
      return &cell;
  return cells.empty() || cells.front().rows.empty() ? nullptr : &cells.front();
}

double middle_quantile(const Cell& cell, double q) {
  Histogram merged;  // merged, never averaged
  for (const CampaignRow* row : cell.rows) merged.merge(row->trial.load.latency);
  return static_cast<double>(merged.quantile_ns(q).value_or(0));
}

std::string shown(double ns) {
  return ns > 0 ? show_duration(ns) : "-";
}

std::string cell_line(const CampaignPlan& plan, const Cell& cell, const Cell* base,
                      const std::optional<Floor>& floor, std::uint64_t clients) {
  const std::string& name = plan.contestants[cell.contestant].name;
  if (cell.rows.empty())
    return fmt::format("  {:<18} FAILED in {} rounds: {}\n", name, cell.failed,
                       cell.failure);
  const Range rps =
      cell.range([](const Trial& t) { return t.load.requests_per_second(); });
  const Range cpu = cell.cpu();
  const Range threads = cell.range(
      [](const Trial& t) { return static_cast<double>(t.server.size.threads); });
  const Range memory = cell.range([&](const Trial& t) {
    return std::max(0.0, static_cast<double>(t.server.size.pss_bytes) -
                             static_cast<double>(t.server.pss_bytes_idle)) /
           static_cast<double>(clients);
  });
  const Range switches = cell.range([](const Trial& t) {
    return t.server.voluntary_switches_per_request +
           t.server.involuntary_switches_per_request;
  });
  const Range starved =
      cell.range([](const Trial& t) { return static_cast<double>(t.load.starved()); });
  const Range against = base != nullptr ? ratio(cell, *base) : Range{};
  return fmt::format(
      "  {:<18} {:>9} {:>6} {:>13} {:>6} {:>9} {:>9} {:>8}{} {:>7} {:>10} {:>8.2f} "
      "{:>7}{}\n",
      name, shown(cpu.median),
      floor ? fmt::format("{:.1f}x", cpu.median / (floor->round_trip_ns / 2)) : "-",
      fmt::format("{:.2f}..{:.2f}", against.least, against.most),
      fmt::format("{:.2f}x", against.median), shown(middle_quantile(cell, 0.5)),
      shown(middle_quantile(cell, 0.99)), show_count(rps.median),
      cell.bound() ? "+" : " ", show_count(threads.median), show_bytes(memory.median),
      switches.median, show_count(starved.median),
      cell.failed > 0 ? fmt::format("  {} FAILED", cell.failed) : "");
}

/// Who, after the cheapest, cannot be told from it, and how many they are.
std::pair<std::string, std::size_t> ties(const CampaignPlan& plan,
                                         const std::vector<Cell>& cells) {
  std::string names;
  std::size_t i = 1;
  for (; i < cells.size(); ++i) {
    const Range more = ratio(cells[i], cells.front());
    if (more.least > 1 && more.median > 1.02) break;
    names += (names.empty() ? "" : ", ") + plan.contestants[cells[i].contestant].name;
  }
  return {names, i - 1};
}

/// Those that answered every client: one that serves a few and lets the rest wait does
/// less, and is not compared with them.
std::pair<std::vector<Cell>, std::string> apart_from_starving(
    const CampaignPlan& plan, const std::vector<Cell>& cells) {
  std::vector<Cell> fair;
  std::string starving;
  for (const Cell& cell : cells) {
    if (cell.rows.empty()) continue;
    const double starved =
        cell.range([](const Trial& t) { return static_cast<double>(t.load.starved()); })
            .median;
    if (starved == 0) {
      fair.push_back(cell);
    } else {
      starving += fmt::format("{}{} left {:.0f}", starving.empty() ? "" : ", ",
                              plan.contestants[cell.contestant].name, starved);
    }
  }
  return {fair, starving};
}

/// The sentences for one number of clients.
std::string in_words(const CampaignPlan& plan, const std::vector<Cell>& cells,
                     std::uint64_t clients) {
  const auto name = [&](const Cell& cell) {
    return plan.contestants[cell.contestant].name;
  };
  const auto [fair, starving] = apart_from_starving(plan, cells);
  std::string text = fmt::format("At {} client{}", clients, clients == 1 ? "" : "s");
  if (fair.empty()) return text + " no server answered every client.\n";
  const auto [even, number] = ties(plan, fair);
  if (fair.size() > 1 && number + 1 == fair.size()) {
    text += fmt::format(
        " no server is cheaper than another beyond the noise ({} to {} of CPU per "
        "request)",
        shown(fair.front().cpu().median), shown(fair.back().cpu().median));
  } else {
    text += fmt::format(" {} needs the least server CPU per request ({})",
                        name(fair.front()), shown(fair.front().cpu().median));
    if (!even.empty()) text += fmt::format("; within the noise of it: {}", even);
  }
  if (number + 1 < fair.size()) {
    const Range more = ratio(fair.back(), fair.front());
    text += fmt::format("; {} the most, {:.2f} times as much [{:.2f} to {:.2f}]",
                        name(fair.back()), more.median, more.least, more.most);
  }
  text += ".";
  if (!starving.empty())
    text += fmt::format(" Not compared, for want of any answer to some clients: {}.",
                        starving);
  return text + "\n";
}

}  // namespace

std::string campaign_table(const CampaignPlan& plan, const std::vector<CampaignRow>& rows,
                           const std::optional<Floor>& floor, bool colour) {
  const std::string bold = colour ? "\033[1m" : "";
  const std::string dim = colour ? "\033[2m" : "";
  const std::string plain = colour ? "\033[0m" : "";
  std::string table;
  std::string words;
  bool bound = false;
  for (const std::uint64_t clients : plan.clients) {
    const std::vector<Cell> cells = cells_at(plan, rows, clients);
    if (cells.empty()) continue;
    const Cell* base = baseline_of(plan, cells);
    table +=
        fmt::format("\n{}{} client{}{}\n", bold, clients, clients == 1 ? "" : "s", plain);
    table += fmt::format(
        "{}  {:<18} {:>9} {:>6} {:>13} {:>6} {:>9} {:>9} {:>8}  {:>7} {:>10} {:>8} "
        "{:>7}{}\n",
        dim, "model", "CPU/req", "floor", "ratio range", "ratio", "p50", "p99", "req/s",
        "threads", "PSS/client", "switches", "starved", plain);
    for (const Cell& cell : cells) {
      table += cell_line(plan, cell, base, floor, clients);
      bound = bound || cell.bound();
    }
    words += in_words(plan, cells, clients);
  }
  table += fmt::format(
      "\n{}CPU/req: server CPU time per request, whole process tree, median of {} "
      "rounds. floor: "
      "CPU/req over\nhalf a loopback round trip{}. ratio: CPU/req over epoll_level's in "
      "the same "
      "round, least-most and\nmedian. switches: context switches per request. starved: "
      "clients "
      "without one reply.{}{}\n",
      dim, plan.rounds,
      floor ? fmt::format(" ({})", show_duration(floor->round_trip_ns / 2)) : "",
      bound ? "\n+ CLIENT-BOUND: the client's core was full, the server may serve more "
              "than this."
            : "",
      plain);
  return table + "\n" + words;
}

}  // namespace echolab
