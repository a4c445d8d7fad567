// Which ratios a campaign waits for, and what it says of them.

#include "bench/campaign_precision.hpp"

#include <gtest/gtest.h>

#include "bench/baseline.hpp"
#include "common/error.hpp"

namespace echolab {
namespace {

/// The baseline second, its twin and the ceiling last; two levels.
CampaignPlan plan_of_four() {
  CampaignPlan plan;
  for (const char* name : {"fork_per_client", "epoll_level", "select_loop"}) {
    plan.contestants.emplace_back();
    plan.contestants.back().name = name;
  }
  plan.contestants.push_back(plan.contestants[1]);
  plan.contestants.back().name = "epoll_level(A/A)";
  plan.contestants.back().twin_of = "epoll_level";
  plan.contestants.push_back(ceiling_contestant());
  set_levels(plan, {1, 8});
  plan.rounds = 50;
  plan.precision = 0.03;
  return plan;
}

/// All trials of so many rounds; a trial costs contestant + 1 microseconds, and of an
/// odd round a share more where `noise` says so for its contestant and level.
std::vector<CampaignRow> rows_of(const CampaignPlan& plan, std::uint64_t rounds,
                                 double (*noise)(std::size_t contestant,
                                                 std::size_t level)) {
  std::vector<CampaignRow> rows;
  for (std::uint64_t round = 0; round < rounds; ++round)
    for (std::size_t level = 0; level < plan.levels.size(); ++level)
      for (std::size_t i = 0; i < plan.contestants.size(); ++i) {
        Trial trial;
        trial.load.seconds = 1;
        trial.load.requests = 1000;
        const double more = round % 2 == 1 ? noise(i, level) : 0;
        trial.server.cpu_ns_per_request =
            1000.0 * static_cast<double>(i + 1) * (1 + more);
        rows.push_back({i, level, round, std::move(trial)});
      }
  return rows;
}

double none(std::size_t /*contestant*/, std::size_t /*level*/) {
  return 0;
}

/// select_loop at the second level alone.
double some(std::size_t contestant, std::size_t level) {
  return contestant == 2 && level == 1 ? 0.07 : 0;
}

TEST(CampaignPrecision, WantsEachModelOverTheBaselineAtEachLevel) {
  const CampaignPlan plan = plan_of_four();
  const auto wanted = wanted_ratios(plan, rows_of(plan, 3, none));
  std::vector<std::string> names;
  for (const RatioSeries& one : wanted) {
    names.push_back(one.name);
    EXPECT_EQ(one.by_round.size(), 3U) << one.name;
  }
  EXPECT_EQ(names, (std::vector<std::string>{
                       "fork_per_client at 1 client", "select_loop at 1 client",
                       "fork_per_client at 8 clients", "select_loop at 8 clients"}));
  EXPECT_DOUBLE_EQ(wanted[0].by_round[0], 0.5);
  EXPECT_DOUBLE_EQ(wanted[1].by_round[0], 1.5);
}

TEST(CampaignPrecision, EndsItWhenAllAreKnownAndNotBefore) {
  const CampaignPlan plan = plan_of_four();
  EXPECT_EQ(why_precise_enough(plan, rows_of(plan, 6, none)), "");
  EXPECT_EQ(why_precise_enough(plan, rows_of(plan, 7, none)),
            "precise to 3 %: 4 of 4 ratios");
  EXPECT_EQ(why_precise_enough(plan, rows_of(plan, 20, some)), "");
}

TEST(CampaignPrecision, SaysWhatWasMissed) {
  const CampaignPlan plan = plan_of_four();
  const auto rows = rows_of(plan, 6, some);
  EXPECT_EQ(precision_in_words(plan, rows),
            "precise to 3 %: 3 of 4 ratios; missed: select_loop at 8 clients (± 3.5 %)");
  const auto json = precision_json(plan, rows);
  EXPECT_EQ(json["ratios"], 4);
  EXPECT_EQ(json["missed"].size(), 1U);
  EXPECT_EQ(json["missed"][0]["name"], "select_loop at 8 clients");
  EXPECT_NEAR(json["missed"][0]["half_width"].get<double>(), 0.035, 1e-4);
}

TEST(CampaignPrecision, WhoAlwaysFailsIsNotWaitedFor) {
  const CampaignPlan plan = plan_of_four();
  auto rows = rows_of(plan, 7, none);
  for (CampaignRow& row : rows)
    if (row.contestant == 2) row.trial.judgement = {Verdict::failed, "it ended"};
  EXPECT_EQ(why_precise_enough(plan, rows), "precise to 3 %: 2 of 2 ratios");
}

/// Everybody, fork_per_client the most.
double much(std::size_t contestant, std::size_t level) {
  return contestant == 1   ? 0
         : contestant == 0 ? 0.2 + 0.1 * static_cast<double>(level)
                           : 0.1;
}

TEST(CampaignPrecision, WhereNoneWasWantedItEndsNothingAndTellsTheWorst) {
  CampaignPlan plan = plan_of_four();
  plan.precision = 0;
  const auto rows = rows_of(plan, 20, much);
  EXPECT_EQ(why_precise_enough(plan, rows_of(plan, 20, none)), "");
  EXPECT_EQ(why_precise_enough(plan, rows), "");
  EXPECT_EQ(precision_in_words(plan, rows),
            "precise to 3 %: 0 of 4 ratios; missed: fork_per_client at 8 clients (± 15 "
            "%), fork_per_client at 1 client (± 10 %) and 2 more");
  const auto json = precision_json(plan, rows);
  EXPECT_EQ(json["wanted"], 0.03);
  EXPECT_EQ(json["ratios"], 4);
  EXPECT_EQ(json["missed"].size(), 4U);
}

TEST(CampaignPrecision, OfFewRoundsItIsSaidThatNothingIsKnown) {
  CampaignPlan plan = plan_of_four();
  plan.precision = 0;
  EXPECT_EQ(precision_in_words(plan, rows_of(plan, 5, none)),
            "precise to 3 %: none of 4, for fewer than 6 rounds have no interval");
  EXPECT_EQ(precision_in_words(plan, {}), "");
  EXPECT_TRUE(precision_json(plan, {}).is_null());
}

TEST(CampaignPrecision, RatiosAreToTheBaselineThatWasNamed) {
  CampaignPlan plan = plan_of_four();
  plan.baseline = "select_loop";
  const auto wanted = wanted_ratios(plan, rows_of(plan, 3, none));
  ASSERT_EQ(wanted.size(), 4U);
  EXPECT_EQ(wanted[1].name, "epoll_level at 1 client");
  EXPECT_DOUBLE_EQ(wanted[1].by_round[0], 2.0 / 3);
  plan.baseline = "selct_loop";
  EXPECT_THROW(check_baseline(plan), UsageError);
}

}  // namespace
}  // namespace echolab
