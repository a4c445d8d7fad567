// The table of a comparison can be read however many servers there are, on any terminal.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "bench/campaign.hpp"
#include "bench/metric.hpp"
#include "bench/twin.hpp"
#include "common/program.hpp"

namespace echolab {
namespace {

constexpr std::size_t servers = 38;
constexpr std::size_t families = 10;

/// So many servers in ten families; number n needs n + 1 microseconds for a request.
CampaignPlan plan_of(std::size_t number) {
  CampaignPlan plan;
  set_levels(plan, {1, 1000});
  plan.rounds = 3;
  for (std::size_t i = 0; i < number; ++i) {
    Contestant one;
    one.name = fmt::format("a_server_of_number_{}", i);
    one.family = fmt::format("family_{}", i * families / number);
    plan.contestants.push_back(one);
  }
  return plan;
}

std::size_t clients_at(const CampaignPlan& plan, std::size_t level) {
  return plan.levels[level].load.connections;
}

std::vector<CampaignRow> rows_of(const CampaignPlan& plan) {
  std::vector<CampaignRow> rows;
  for (std::uint64_t round = 0; round < plan.rounds; ++round)
    for (std::size_t level = 0; level < plan.levels.size(); ++level)
      for (std::size_t i = 0; i < plan.contestants.size(); ++i) {
        Trial trial;
        trial.load.seconds = 1;
        trial.load.requests = 123'456;
        trial.load.requests_per_connection.assign(clients_at(plan, level), 100);
        for (int n = 0; n < 1000; ++n) trial.load.response.record(50'000 + 100 * n);
        trial.server.cpu_ns_per_request = 1000.0 * static_cast<double>(i + 1);
        trial.server.size.threads = clients_at(plan, level);
        if (i % 7 == 3) trial.load.requests_per_connection.back() = 0;
        rows.push_back({i, level, round, std::move(trial)});
      }
  return rows;
}

std::vector<std::string> table_of(const CampaignPlan& plan, std::size_t columns) {
  return split(campaign_table(plan, rows_of(plan), Floor{3000, 5}, {columns, false}),
               '\n');
}

std::size_t width_of(const std::string& line) {
  return static_cast<std::size_t>(std::ranges::count_if(
      line, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

TEST(CampaignTable, is_never_wider_than_its_paper) {
  CampaignPlan plan = plan_of(servers);
  plan.absent.push_back(
      {plan.contestants.front(), std::string(40, 'x') + " is not here"});
  for (const std::size_t columns : {60U, 80U, 100U, 132U, 200U})
    for (const std::string& line : table_of(plan, columns))
      EXPECT_LE(width_of(line), columns) << line;
}

TEST(CampaignTable, shows_the_cost_however_narrow_it_is) {
  for (const std::size_t columns : {60U, 200U}) {
    const auto lines = table_of(plan_of(servers), columns);
    EXPECT_EQ(std::ranges::count_if(lines,
                                    [](const auto& l) {
                                      return l.starts_with("  model ") &&
                                             l.find(" CPU/req") != l.npos;
                                    }),
              2);
  }
}

/// The heads of the columns.
std::string heads(const std::string& table) {
  const std::size_t at = table.find("  model ");
  return table.substr(at, table.find('\n', at) - at);
}

/// The lines of the servers at the first load, as they come.
std::vector<std::string> first_lines(const std::string& table) {
  std::vector<std::string> found;
  bool began = false;
  for (const std::string& line : split(table.substr(table.find("  model ")), '\n')) {
    if (began && line.starts_with("  model ")) break;
    began = true;
    if (line.starts_with("  a_server_")) found.push_back(line);
  }
  return found;
}

TEST(CampaignTable, has_all_columns_where_there_is_room_and_the_verdict_everywhere) {
  const CampaignPlan plan = plan_of(3);
  const auto at = [&](std::size_t columns) {
    return campaign_table(plan, rows_of(plan), Floor{3000, 5}, {columns, false});
  };
  for (const char* head : {" floor", " p50", " p90", " p99", " p99.9", " max", " req/s ",
                           " req/s range", " errors", " procs", " threads", " PSS/client",
                           " switches", " starved", " verdict"})
    EXPECT_NE(heads(at(1000)).find(head), std::string::npos) << head;
  EXPECT_EQ(at(1000).find("Left out here"), std::string::npos);
  EXPECT_NE(at(1000).find("123k..123k"), std::string::npos);
  EXPECT_NE(at(110).find("Left out here: "), std::string::npos);
  EXPECT_NE(at(110).find("--wide"), std::string::npos);
  for (const std::size_t columns : {80U, 110U})
    EXPECT_NE(heads(at(columns)).find(" verdict"), std::string::npos) << columns;
}

TEST(CampaignTable, says_in_the_line_of_a_server_which_rounds_are_doubtful) {
  const CampaignPlan plan = plan_of(3);
  auto rows = rows_of(plan);
  const auto lines = [&] {
    return first_lines(campaign_table(plan, rows, Floor{3000, 5}, {110, false}));
  };
  EXPECT_TRUE(lines()[0].ends_with(" VALID")) << lines()[0];
  for (CampaignRow& row : rows)
    if (row.contestant == 0 && row.round == 1)
      row.trial.judgement.verdict = Verdict::noisy;
  EXPECT_TRUE(lines()[0].ends_with(" 2 VALID, 1 NOISY")) << lines()[0];
  EXPECT_TRUE(lines()[1].ends_with(" VALID")) << lines()[1];
  for (CampaignRow& row : rows)
    if (row.contestant == 0 && row.round == 2)
      row.trial.judgement = {Verdict::failed, "it ended"};
  EXPECT_TRUE(lines()[0].ends_with("1 VALID, 1 FAILED, 1 more")) << lines()[0];
  EXPECT_EQ(lines()[0].size(), lines()[1].size());
}

TEST(CampaignTable, is_sorted_by_any_metric_the_best_first) {
  const CampaignPlan plan = plan_of(3);  // 1, 2 and 3 microseconds
  auto rows = rows_of(plan);
  for (CampaignRow& row : rows) {
    if (row.contestant == 1) row.trial.load.requests *= 2;
    if (row.contestant == 2)
      for (int i = 0; i < 100; ++i) row.trial.load.response.record(1'000'000'000);
  }
  const auto order = [&](const char* metric) {
    const Metric* by = metric == nullptr ? nullptr : &find_metric(metric);
    std::string numbers;
    for (const std::string& line :
         first_lines(campaign_table(plan, rows, Floor{3000, 5}, {110, false, by})))
      numbers += line[std::string("  a_server_of_number_").size()];
    return numbers;
  };
  EXPECT_EQ(order(nullptr), "012");
  EXPECT_EQ(order("rate"), "102");
  EXPECT_EQ(order("p99_ns"), "012");
  EXPECT_EQ(order("connect_p99_ns"), "012") << "nobody has one";
  for (CampaignRow& row : rows)
    if (row.contestant == 0) row.trial.load.response = rows[2].trial.load.response;
  EXPECT_EQ(order("p99_ns"), "102");
  const Paper by_p999{60, false, &find_metric("p999_ns")};
  const std::string narrow = campaign_table(plan, rows, Floor{3000, 5}, by_p999);
  EXPECT_NE(heads(narrow).find(" p99.9"), std::string::npos) << "what it is sorted by";
  EXPECT_NE(narrow.find("Sorted by response time (p99.9)"), std::string::npos);
}

TEST(CampaignTable, says_of_what_kinds_the_errors_were) {
  const CampaignPlan plan = plan_of(3);
  auto rows = rows_of(plan);
  const auto text = [&] {
    auto table = campaign_table(plan, rows, Floor{3000, 5}, {1000, false});
    std::ranges::replace(table, '\n', ' ');
    return table;
  };
  EXPECT_EQ(text().find("Errors"), std::string::npos);
  for (CampaignRow& row : rows)
    if (row.contestant == 1 && row.level == 0) {
      row.trial.load.errors.reset = 2;
      row.trial.load.errors.truncated = 1;
      if (row.round == 0) row.trial.judgement = {Verdict::failed, "2 were reset"};
    }
  EXPECT_NE(text().find("Errors of a_server_of_number_1: 6 reset (3 truncated)."),
            std::string::npos)
      << text();
}

TEST(CampaignTable, says_how_near_a_tie_is_at_each_load) {
  CampaignPlan plan = plan_of(3);
  const auto text = [&](const std::vector<CampaignRow>& rows) {
    auto table = campaign_table(plan, rows, Floor{3000, 5}, {200, false});
    std::ranges::replace(table, '\n', ' ');
    return table;
  };
  EXPECT_NE(text(rows_of(plan)).find("here up to 1.02x at each load."),
            std::string::npos);
  add_twin(plan);
  auto rows = rows_of(plan);
  for (CampaignRow& row : rows)
    if (row.contestant == 3)
      row.trial.server.cpu_ns_per_request = row.level == 0 ? 1300 : 1000;
  EXPECT_NE(text(rows).find("here up to 1.30x at 1 client, up to 1.02x at 1000 clients."),
            std::string::npos)
      << text(rows);
}

TEST(CampaignTable, says_how_many_differ_from_the_baseline) {
  CampaignPlan plan = plan_of(4);
  plan.rounds = 9;
  const auto text = [&] {
    auto table = campaign_table(plan, rows_of(plan), Floor{3000, 5}, {200, false});
    std::ranges::replace(table, '\n', ' ');
    return table;
  };
  plan.contestants[1].name = plan.experiment->baseline;
  // The fourth starves a client, and is not compared.
  EXPECT_NE(text().find(" 2 of 2 comparisons with epoll_level are shown (p < 0.05 in the "
                        "whole campaign)."),
            std::string::npos)
      << text();
  plan.rounds = 5;
  EXPECT_NE(text().find(" 0 of 2 comparisons with epoll_level are shown (p < 0.05 in the "
                        "whole campaign); to show any takes 6 rounds."),
            std::string::npos)
      << text();
}

TEST(CampaignTable, groups_many_servers_by_family_and_few_not_at_all) {
  const auto heading = [](const std::string& line) {
    return line.starts_with(" family ");
  };
  EXPECT_EQ(std::ranges::count_if(table_of(plan_of(servers), 100), heading),
            2 * families);
  EXPECT_EQ(std::ranges::count_if(table_of(plan_of(9), 100), heading), 0);
}

TEST(CampaignTable, has_one_line_for_each_server_at_each_load) {
  for (const std::size_t number : {std::size_t{9}, servers}) {
    const auto lines = table_of(plan_of(number), 100);
    EXPECT_EQ(std::ranges::count_if(
                  lines, [](const auto& l) { return l.starts_with("  a_server_"); }),
              2 * number);
  }
}

TEST(CampaignTable, says_in_words_who_was_cheapest_and_names_few_of_many) {
  const auto lines = table_of(plan_of(servers), 100);
  const auto text = fmt::format("{}", fmt::join(lines, " "));
  EXPECT_NE(
      text.find("a_server_of_number_0 needs the least server CPU per request (1.00"),
      text.npos);
  EXPECT_NE(text.find("a_server_of_number_37 the most, 38.00 times as much"), text.npos);
  EXPECT_EQ(text.find("left 1, a_server_of_number_38"), text.npos);
}

TEST(CampaignTable, says_what_a_dash_under_a_percentile_means) {
  const CampaignPlan plan = plan_of(2);
  auto rows = rows_of(plan);
  const auto has_the_line = [&] {
    return campaign_table(plan, rows, Floor{3000, 5}, {200, false})
               .find("- under a percentile: n too small") != std::string::npos;
  };
  const auto answered = [&](int responses) {
    for (CampaignRow& row : rows) {
      row.trial.load.response = Histogram();
      for (int n = 0; n < responses; ++n) row.trial.load.response.record(50'000);
    }
  };
  answered(1300);
  EXPECT_FALSE(has_the_line()) << "3900 of three rounds support a p99.9";
  answered(100);
  EXPECT_TRUE(has_the_line()) << "300 do not";
}

TEST(CampaignTable, shows_connections_per_second_where_they_are_brief) {
  CampaignPlan plan = plan_of(2);
  const auto table = [&] {
    return campaign_table(plan, rows_of(plan), Floor{3000, 5}, {200, false});
  };
  EXPECT_EQ(table().find("conn/s"), std::string::npos);
  plan.experiment = &find_experiment("churn");
  set_levels(plan, {1, 10});
  EXPECT_NE(table().find("conn/s"), std::string::npos) << table();
  EXPECT_NE(table().find(" 12.3k "), std::string::npos) << "123 456 requests, 10 each";
}

TEST(CampaignTable, says_how_likely_all_are_alike) {
  const auto text = fmt::format("{}", fmt::join(table_of(plan_of(4), 200), " "));
  // Three (the fourth starves a client), in the same order in each of three rounds:
  // chi-squared is 6 with 2 degrees of freedom.
  EXPECT_NE(text.find("The 3 servers differ (Friedman, p = 0.05"), text.npos) << text;
  const auto two = fmt::format("{}", fmt::join(table_of(plan_of(2), 200), " "));
  EXPECT_EQ(two.find("Friedman"), two.npos);
}

TEST(CampaignTable, says_whose_company_did_not_stay) {
  CampaignPlan plan = plan_of(3);
  plan.experiment = &find_experiment("idle_crowd");
  set_levels(plan, {0, 100});
  auto rows = rows_of(plan);
  const auto text = [&] {
    auto table = campaign_table(plan, rows, Floor{3000, 5}, {200, false});
    std::ranges::replace(table, '\n', ' ');
    return table;
  };
  EXPECT_EQ(text().find("stayed with"), std::string::npos);
  for (CampaignRow& row : rows)
    if (row.contestant == 1 && row.level == 1) row.trial.company_failed = 40 + row.round;
  EXPECT_NE(text().find("Not all of the 100 other connections stayed with "
                        "a_server_of_number_1 (41 ended)."),
            std::string::npos)
      << text();
}

TEST(CampaignTable, says_what_changed_while_it_ran) {
  const CampaignPlan plan = plan_of(3);
  auto rows = rows_of(plan);
  const auto text = [&] {
    auto table = campaign_table(plan, rows, Floor{3000, 5}, {200, false});
    std::ranges::replace(table, '\n', ' ');
    return table;
  };
  EXPECT_NE(text().find("Drift: a_server_of_number_0 had 1.00 times as much server CPU "
                        "per request in the last round as in the first (1.00 to 1.00 at "
                        "2 loads)."),
            std::string::npos)
      << text();
  EXPECT_EQ(text().find("changed meanwhile"), std::string::npos);
  for (CampaignRow& row : rows)  // 1.3 and 1.1 times as much
    if (row.contestant == 0 && row.round == 2)
      row.trial.server.cpu_ns_per_request *= row.level == 0 ? 1.3 : 1.1;
  EXPECT_NE(text().find("1.20 times as much server CPU per request in the last round as "
                        "in the first (1.10 to 1.30 at 2 loads). The machine changed"),
            std::string::npos)
      << text();
  for (CampaignRow& row : rows) row.round = std::min<std::uint64_t>(row.round, 1);
  EXPECT_EQ(text().find("Drift"), std::string::npos) << "two rounds have no thirds";
}

TEST(CampaignTable, compares_datagrams_among_themselves) {
  CampaignPlan plan = plan_of(9);
  Model in_datagrams{};
  in_datagrams.transports = "datagram";
  for (std::size_t i = 0; i < 2; ++i) plan.contestants[i].model = &in_datagrams;
  const auto text = fmt::format("{}", fmt::join(table_of(plan, 100), " "));
  EXPECT_NE(text.find("At 1 client, a_server_of_number_2 needs the least"), text.npos)
      << text;
  EXPECT_NE(text.find("In datagrams, which promise less, a_server_of_number_0 needs the"),
            text.npos);
}

TEST(CampaignTable, leaves_out_what_is_excluded_and_says_how_much) {
  const CampaignPlan plan = plan_of(2);
  std::vector<CampaignRow> rows = rows_of(plan);
  const auto table = [&] {
    return campaign_table(plan, rows, Floor{3000, 5}, {100, false});
  };
  const std::string before = table();
  EXPECT_EQ(before.find("Excluded"), before.npos);
  for (int i = 0; i < 3; ++i) {
    CampaignRow row = rows[static_cast<std::size_t>(i)];
    row.trial.server.cpu_ns_per_request = 1e9;
    row.excluded = i == 0 ? "repeated because NOISY" : "repeated because UNSTEADY";
    rows.push_back(std::move(row));
  }
  EXPECT_EQ(table(),
            before +
                "Excluded: 3 of 15 trials (1 repeated because NOISY, 2 repeated because "
                "UNSTEADY); of each place the\nlast trial counts.\n");
}

TEST(CampaignTable, calls_a_tie_what_differs_no_more_than_a_server_from_itself) {
  CampaignPlan plan = plan_of(3);  // 1, 2 and 3 microseconds
  add_twin(plan);                  // of the first, and 4 by rows_of
  auto rows = rows_of(plan);
  const auto table = [&](double first_us, double last_us) {
    for (CampaignRow& row : rows)
      if (row.contestant == 3)
        row.trial.server.cpu_ns_per_request =
            1000 * (row.round == 0 ? first_us : last_us);
    std::string text = campaign_table(plan, rows, Floor{3000, 5}, {100, false});
    std::ranges::replace(text, '\n', ' ');
    return text;
  };
  const std::string quiet = table(0.99, 1.01);
  EXPECT_EQ(quiet.find("  a_server_of_number_0(A/A)"), quiet.npos) << quiet;
  EXPECT_NE(quiet.find("a_server_of_number_0 against itself (A/A): 1.01x [0.99 to 1.01]"),
            quiet.npos);
  EXPECT_NE(quiet.find("up to 1.02x"), quiet.npos);
  EXPECT_EQ(quiet.find("within the noise"), quiet.npos);
  for (const std::string& noisy : {table(0.4, 1), table(1, 2.5)}) {  // either way
    EXPECT_NE(noisy.find("within the noise of it: a_server_of_number_1;"), noisy.npos)
        << noisy;
    EXPECT_NE(noisy.find("up to 2.50x"), noisy.npos);
  }
}

TEST(CampaignTable, names_what_is_unavailable_with_its_reason) {
  CampaignPlan plan = plan_of(3);
  Contestant absent;
  absent.name = "of_tomorrow";
  plan.absent.push_back({absent, "needs Linux 9.1, this is 6.18"});
  const auto lines = table_of(plan, 100);
  EXPECT_EQ(std::ranges::count(
                lines, "of_tomorrow is unavailable: needs Linux 9.1, this is 6.18."),
            1);
}

}  // namespace
}  // namespace echolab
