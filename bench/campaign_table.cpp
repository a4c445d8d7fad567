// The table of a campaign, and in words what it says.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "bench/campaign.hpp"
#include "bench/twin.hpp"
#include "common/program.hpp"
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
  /// Of a throughput that is a lower bound.
  [[nodiscard]] const char* mark() const { return bound() ? "+" : " "; }
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
    if (row.clients != clients || !row.excluded.empty()) continue;
    Cell& cell = cells[row.contestant];
    if (measured(row)) {
      cell.rows.push_back(&row);
    } else {
      ++cell.failed;
      cell.failure = row.trial.judgement.reason;
    }
  }
  std::erase_if(cells, [&](const Cell& cell) {
    const bool is_twin = !plan.contestants[cell.contestant].twin_of.empty();
    return is_twin || (cell.rows.empty() && cell.failed == 0);
  });
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
  for (const CampaignRow* row : cell.rows) merged.merge(row->trial.load.response);
  return static_cast<double>(merged.quantile_ns(q).value_or(0));
}

std::string shown(double ns) {
  return ns > 0 ? show_duration(ns) : "-";
}

/// What a column may need.
struct Line {
  const Cell& cell;
  const Cell* base;
  const std::optional<Floor>& floor;
  std::uint64_t clients;

  [[nodiscard]] Range against() const {
    return base != nullptr ? ratio(cell, *base) : Range{};
  }
  [[nodiscard]] std::string count(double (*figure)(const Trial&)) const {
    return show_count(cell.range(figure).median);
  }
};

struct Column {
  const char* head;
  std::size_t width;
  int rank;  ///< the greatest goes first where the terminal is narrow
  std::string (*text)(const Line&);
};

std::string memory_per_client(const Line& line) {
  return show_bytes(
      line.cell
          .range([&](const Trial& t) {
            return std::max(0.0, static_cast<double>(t.server.size.pss_bytes) -
                                     static_cast<double>(t.server.pss_bytes_idle)) /
                   static_cast<double>(line.clients);
          })
          .median);
}

std::string switches(const Line& line) {
  const auto each = [](const Trial& t) {
    return t.server.voluntary_switches_per_request +
           t.server.involuntary_switches_per_request;
  };
  return fmt::format("{:.2f}", line.cell.range(each).median);
}

std::string over_floor(const Line& line) {
  if (!line.floor) return "-";
  return fmt::format("{:.1f}x", line.cell.cpu().median / (line.floor->round_trip_ns / 2));
}

std::string ratio_range(const Line& line) {
  return fmt::format("{:.2f}..{:.2f}", line.against().least, line.against().most);
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

constexpr Column columns[] = {
    {"CPU/req", 9, 0, [](const Line& l) { return shown(l.cell.cpu().median); }},
    {"floor", 6, 9, over_floor},
    {"ratio range", 13, 3, ratio_range},
    {"ratio", 6, 1,
     [](const Line& l) { return fmt::format("{:.2f}x", l.against().median); }},
    {"p50", 9, 6, [](const Line& l) { return shown(middle_quantile(l.cell, 0.5)); }},
    {"p99", 9, 4, [](const Line& l) { return shown(middle_quantile(l.cell, 0.99)); }},
    {"req/s ", 9, 5, [](const Line& l) { return l.count(rate) + l.cell.mark(); }},
    {"threads", 7, 8, [](const Line& l) { return l.count(threads); }},
    {"PSS/client", 10, 7, memory_per_client},
    {"switches", 8, 10, switches},
    {"starved", 7, 2, [](const Line& l) { return l.count(starved); }},
};

/// The columns that fit beside the names.
std::vector<Column> fitting(std::size_t room) {
  std::vector<Column> kept(std::begin(columns), std::end(columns));
  const auto width = [&] {
    std::size_t sum = 0;
    for (const Column& column : kept) sum += 1 + column.width;
    return sum;
  };
  while (kept.size() > 1 && width() > room)
    kept.erase(std::ranges::max_element(kept, {}, &Column::rank));
  return kept;
}

/// "a, b, c and 4 more"
std::string few(const std::vector<std::string>& names) {
  constexpr std::size_t most = 6;
  const std::size_t told = names.size() > most ? most - 1 : names.size();
  std::string text;
  for (std::size_t i = 0; i < told; ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (told < names.size()) text += fmt::format(" and {} more", names.size() - told);
  return text;
}

/// Who, after the cheapest, cannot be told from it.
std::vector<std::string> ties(const CampaignPlan& plan, const std::vector<Cell>& cells,
                              double factor) {
  std::vector<std::string> names;
  for (std::size_t i = 1; i < cells.size(); ++i) {
    const Range more = ratio(cells[i], cells.front());
    if (more.least > 1 && more.median > factor) break;
    names.push_back(plan.contestants[cells[i].contestant].name);
  }
  return names;
}

/// Those that answered every client: one that serves a few and lets the rest wait does
/// less, and is not compared with them.
std::pair<std::vector<Cell>, std::vector<std::string>> apart_from_starving(
    const CampaignPlan& plan, const std::vector<Cell>& cells) {
  std::vector<Cell> fair;
  std::vector<std::string> starving;
  for (const Cell& cell : cells) {
    if (cell.rows.empty()) continue;
    const double left = cell.range(starved).median;
    if (left == 0)
      fair.push_back(cell);
    else
      starving.push_back(
          fmt::format("{} left {:.0f}", plan.contestants[cell.contestant].name, left));
  }
  return {fair, starving};
}

/// The sentences for one number of clients, about servers that promise alike.
std::string in_words(const CampaignPlan& plan, const std::vector<Cell>& cells,
                     std::string text, double factor) {
  const auto name = [&](const Cell& cell) {
    return plan.contestants[cell.contestant].name;
  };
  const auto [fair, starving] = apart_from_starving(plan, cells);
  if (fair.empty()) return text + " no server answered every client.";
  const auto even = ties(plan, fair, factor);
  if (fair.size() > 1 && even.size() + 1 == fair.size()) {
    text += fmt::format(
        " no server is cheaper than another beyond the noise ({} to {} of CPU per "
        "request)",
        shown(fair.front().cpu().median), shown(fair.back().cpu().median));
  } else {
    text += fmt::format(" {} needs the least server CPU per request ({})",
                        name(fair.front()), shown(fair.front().cpu().median));
    if (!even.empty()) text += fmt::format("; within the noise of it: {}", few(even));
  }
  if (even.size() + 1 < fair.size()) {
    const Range more = ratio(fair.back(), fair.front());
    text += fmt::format("; {} the most, {:.2f} times as much [{:.2f} to {:.2f}]",
                        name(fair.back()), more.median, more.least, more.most);
  }
  text += ".";
  if (!starving.empty())
    text += fmt::format(" Not compared, for want of any answer to some clients: {}.",
                        few(starving));
  return text;
}

/// Datagrams may be lost, doubled and out of order, and cost less for it: they are
/// compared among themselves.
std::string in_words(const CampaignPlan& plan, const std::vector<Cell>& cells,
                     std::uint64_t clients, double factor) {
  std::vector<Cell> streams;
  std::vector<Cell> datagrams;
  for (const Cell& cell : cells) {
    const Contestant& one = plan.contestants[cell.contestant];
    (one.in_datagrams() ? datagrams : streams).push_back(cell);
  }
  const auto begin = fmt::format("At {} client{}", clients, clients == 1 ? "" : "s");
  if (streams.empty() || datagrams.empty()) return in_words(plan, cells, begin, factor);
  return in_words(plan, streams, begin, factor) + " " +
         in_words(plan, datagrams, "In datagrams, which promise less,", factor);
}

/// Draws what belongs to one campaign on one paper.
class Table {
 public:
  Table(const CampaignPlan& plan, const std::optional<Floor>& floor, Paper paper)
      : plan_(plan),
        floor_(floor),
        text_width_(std::min<std::size_t>(paper.columns, 100)),
        by_family_(plan.contestants.size() > 12),
        bold_(paper.colour ? "\033[1m" : ""),
        dim_(paper.colour ? "\033[2m" : ""),
        plain_(paper.colour ? "\033[0m" : "") {
    for (const Contestant& one : plan.contestants)
      name_width_ = std::max(name_width_, std::min<std::size_t>(one.name.size(), 24));
    columns_ = fitting(paper.columns - std::min(paper.columns, 2 + name_width_));
  }

  /// One number of clients: a line per contestant, the cheapest first.
  void add(const std::vector<Cell>& cells, std::uint64_t clients) {
    text_ += fmt::format("\n{}{} client{}{}\n", bold_, clients, clients == 1 ? "" : "s",
                         plain_);
    text_ += fmt::format("{}  {:<{}}", dim_, "model", name_width_);
    for (const Column& column : columns_)
      text_ += fmt::format(" {:>{}}", column.head, column.width);
    text_ += fmt::format("{}\n", plain_);
    const Cell* base = baseline_of(plan_, cells);
    if (!by_family_) {
      for (const Cell& cell : cells) add_line({cell, base, floor_, clients});
      return;
    }
    for (const std::string& family : families()) {
      std::string heading = fmt::format(" {}{}{}\n", dim_, family, plain_);
      std::ranges::replace(heading, '_', ' ');
      for (const Cell& cell : cells)
        if (plan_.contestants[cell.contestant].family == family) {
          text_ += std::exchange(heading, "");
          add_line({cell, base, floor_, clients});
        }
    }
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

  /// What the heads of the columns mean, and who is not there.
  void add_notes(bool bound) {
    text_ += "\n" + dim_;
    add_words(fmt::format(
        "CPU/req: server CPU time per request, whole process tree, median of {} rounds. "
        "floor: CPU/req over half a loopback round trip{}. ratio: CPU/req over "
        "epoll_level's in the same round, least-most and median. switches: context "
        "switches per request. starved: clients without one reply.",
        plan_.rounds,
        floor_ ? fmt::format(" ({})", show_duration(floor_->round_trip_ns / 2)) : ""));
    if (bound)
      add_words(
          "+ CLIENT-BOUND: the client's core was full, the server may serve more "
          "than this.");
    if (columns_.size() < std::size(columns))
      add_words("Left out here: " + left_out() + "; a wider terminal shows them.");
    text_ += plain_;
    for (const auto& [one, reason] : plan_.absent)
      add_words(fmt::format("{} is unavailable: {}.", one.name, reason), 2);
    text_ += "\n";
  }

  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  void add_line(const Line& line) {
    const std::string& name = plan_.contestants[line.cell.contestant].name;
    text_ += fmt::format("  {:<{}.{}}", name, name_width_, name_width_);
    if (line.cell.rows.empty()) {
      text_ += " ";
      add_words(fmt::format("FAILED in {} round{}: {}", line.cell.failed,
                            line.cell.failed == 1 ? "" : "s", line.cell.failure),
                name_width_ + 3);
      return;
    }
    for (const Column& column : columns_)
      text_ += fmt::format(" {:>{}}", column.text(line), column.width);
    if (line.cell.failed > 0) text_ += fmt::format("  {} FAILED", line.cell.failed);
    text_ += "\n";
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
    for (const Column& column : columns)
      if (std::ranges::count(columns_, column.rank, &Column::rank) == 0)
        heads.emplace_back(column.head,
                           std::string_view(column.head).find_last_not_of(' ') + 1);
    return fmt::format("{}", fmt::join(heads, ", "));
  }

  const CampaignPlan& plan_;
  const std::optional<Floor>& floor_;
  std::size_t text_width_;
  bool by_family_;
  std::string bold_;
  std::string dim_;
  std::string plain_;
  std::size_t name_width_ = 18;
  std::vector<Column> columns_;
  std::string text_;
};

}  // namespace

std::string campaign_table(const CampaignPlan& plan, const std::vector<CampaignRow>& rows,
                           const std::optional<Floor>& floor, Paper paper) {
  Table table(plan, floor, paper);
  std::vector<std::string> words;
  bool bound = false;
  for (const std::uint64_t clients : plan.clients) {
    const std::vector<Cell> cells = cells_at(plan, rows, clients);
    if (cells.empty()) continue;
    table.add(cells, clients);
    bound = bound || std::ranges::any_of(cells, &Cell::bound);
    const Range twins = twin_ratio(plan, rows, clients);
    words.push_back(in_words(plan, cells, clients, tie_factor(twins)) +
                    twin_text(plan, twins));
  }
  table.add_notes(bound);
  for (const std::string& sentence : words) table.add_words(sentence);
  table.add_excluded(rows);
  return table.text();
}

}  // namespace echolab
