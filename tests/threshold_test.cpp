// What is asserted is read as it was meant, and kept only by who has the figures for it.

#include "bench/threshold.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <tuple>

#include "bench/campaign_ceiling.hpp"
#include "bench/threshold_outcome.hpp"
#include "bench/twin.hpp"
#include "common/error.hpp"

namespace echolab {
namespace {

using Json = nlohmann::json;

CampaignPlan plan_of(std::string_view experiment, const std::vector<double>& places) {
  CampaignPlan plan;
  plan.experiment = &find_experiment(experiment);
  plan.contestants = {model_contestant("iterative"), model_contestant("epoll_level"),
                      external_contestant("mine=./server {port}")};
  plan.absent.push_back({model_contestant("uring"), "needs Linux 9.1"});
  set_levels(plan, places);
  add_twin(plan);
  add_ceiling(plan);
  plan.rounds = 9;
  return plan;
}

/// A trial whose replies all took so long.
CampaignRow row_of(std::size_t contestant, std::size_t level, std::uint64_t round,
                   std::uint64_t us, int replies = 1000) {
  Trial trial;
  trial.load.seconds = 1;
  trial.load.requests = static_cast<std::uint64_t>(replies);
  trial.load.requests_per_connection.assign(4, trial.load.requests / 4);
  for (int i = 0; i < replies; ++i)
    trial.load.response.record(static_cast<std::int64_t>(1000 * us));
  trial.server.cpu_ns_per_request = static_cast<double>(us);
  return {contestant, level, round, std::move(trial)};
}

std::string refusal(const std::string& text, std::string_view experiment = "scaling",
                    const std::vector<double>& places = {1, 64}) {
  try {
    (void)parse_thresholds({text}, plan_of(experiment, places));
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(Thresholds, are_read_with_model_load_sign_and_unit) {
  const CampaignPlan plan = plan_of("scaling", {1, 64});
  const auto all = parse_thresholds({"epoll_level:p99 < 5ms@64, rate>=10k@c=1",
                                     "PSS/client<=4KiB", "mine:switches>1.5", "p99.9<1s"},
                                    plan);
  ASSERT_EQ(all.size(), 5U);
  EXPECT_EQ(texts_of(all), (std::vector<std::string>{"epoll_level:p99<5ms@64",
                                                     "rate>=10k@c=1", "PSS/client<=4KiB",
                                                     "mine:switches>1.5", "p99.9<1s"}));
  EXPECT_EQ(all[0].model, "epoll_level");
  EXPECT_EQ(all[0].clause, "p99<5ms");
  EXPECT_EQ(all[0].level, 1U);
  EXPECT_EQ(all[1].level, 0U);
  EXPECT_FALSE(all[2].level);
  const std::vector<std::pair<std::string_view, double>> limits = {
      {"p99_ns", 5e6},
      {"rate", 10'000},
      {"pss_per_client", 4096},
      {"switches", 1.5},
      {"p999_ns", 1e9}};
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].metric->name, limits[i].first);
    EXPECT_EQ(all[i].limit, limits[i].second);
  }
}

TEST(Thresholds, name_their_load_as_at_does) {
  for (const auto& [experiment, places, text] :
       std::initializer_list<std::tuple<const char*, std::vector<double>, const char*>>{
           {"blocking_work", {1, 10}, "10ms"},
           {"overload", {50, 150}, "150%"},
           {"payload", {64, 4096}, "4KiB"},
           {"transports", {0, 2}, "unix"}})
    EXPECT_EQ(
        parse_thresholds({fmt::format("p50<1s@{}", text)}, plan_of(experiment, places))
            .front()
            .level,
        1U)
        << text;
  EXPECT_NE(refusal("p50<1s@c=1", "payload", {64}), "");
}

TEST(Thresholds, are_refused_with_what_is_nearest) {
  for (const auto& [text, said] :
       std::initializer_list<std::pair<const char*, const char*>>{
           {"", "asserts nothing"},
           {"p99", "'p99' is not [MODEL:]METRIC<VALUE"},
           {"p9<1ms", "'p9' is no metric, did you mean 'p90'?"},
           {"rat>1k", "did you mean 'rate'?"},
           {"p99<5", "'5' is no time such as 5ms"},
           {"p99<5mss", "'5mss' is no time such as 5ms, did you mean 'ms'?"},
           {"pss_per_client<4KB4", "no number of bytes such as 4KiB"},
           {"rate>-1", "'-1' is no number such as 64 or 10k"},
           {"switches<nan", "'nan' is no number such as 1.5"},
           {"epol_level:p99<5ms",
            "no server of this campaign, did you mean 'epoll_level'"},
           {"epoll_level(A/A):p99<5ms", "no server of this campaign"},
           {"null_responder:rate>1", "no server of this campaign"},
           {"p99<5ms@65", "no load '65'; the nearest is 64 clients"},
           {"p99<5ms@many", "'many' is no number from 1 to 100000"}}) {
    const std::string what = refusal(text);
    EXPECT_NE(what.find(said), what.npos) << text << ": " << what;
    EXPECT_TRUE(what.starts_with("--assert: ")) << what;
  }
}

/// What becomes of one threshold for the only model and load that have trials.
struct Held {
  CampaignPlan plan = plan_of("scaling", {4});
  std::vector<CampaignRow> rows{};

  ThresholdOutcome of(const std::string& text) {
    plan.thresholds = parse_thresholds({"epoll_level:" + text}, plan);
    const auto outcomes = threshold_outcomes(plan, rows);
    EXPECT_EQ(outcomes.size(), 1U);
    return outcomes.at(0);
  }
  [[nodiscard]] std::string words(const std::string& text) {
    const ThresholdOutcome outcome = of(text);
    return outcome_in_words(plan, outcome);
  }
};

TEST(Thresholds, are_held_against_the_median_of_the_rounds_that_count) {
  Held held;
  for (std::uint64_t round = 0; round < 9; ++round)
    held.rows.push_back(row_of(1, 0, round, round < 5 ? 100 : 900));
  held.rows.push_back(row_of(1, 0, 3, 900));
  held.rows.back().excluded = "repeated because NOISY";
  EXPECT_TRUE(held.of("p50<200us").is_kept);
  EXPECT_FALSE(held.of("p50<50us").is_kept);
  EXPECT_FALSE(held.of("p50>200us").is_kept);
  EXPECT_TRUE(held.of("rate>=1000").is_kept);
  EXPECT_FALSE(held.of("rate>1000").is_kept);
  EXPECT_EQ(held.of("p50<200us").range.n, 9U);
  EXPECT_EQ(held.words("p50<50us"),
            "epoll_level at 4 clients: 100 us [100 us to 900 us], 9 rounds");
}

TEST(Thresholds, are_missed_by_who_has_no_figure_or_did_not_answer) {
  Held held;
  EXPECT_EQ(held.of("p99<1s").why, "it was not measured");
  for (std::uint64_t round = 0; round < 5; ++round)
    held.rows.push_back(row_of(1, 0, round, 100, round < 3 ? 100 : 1000));
  EXPECT_EQ(held.of("p99<1s").why, "n is too small in 3 of 5 rounds");
  EXPECT_FALSE(held.of("p99<1s").is_kept);
  EXPECT_TRUE(held.of("p50<1s").is_kept);
  held.rows.back().trial.load.requests_per_connection.back() = 0;
  EXPECT_EQ(held.of("p50<1s").why, "it left 1 client without any reply");
  EXPECT_FALSE(held.of("p50<1s").is_kept);
  EXPECT_TRUE(held.of("starved<1").is_kept) << "the median round starved nobody";
  for (CampaignRow& row : held.rows) row.trial.judgement = {Verdict::failed, "it ended"};
  EXPECT_EQ(held.words("p50<1s"), "epoll_level at 4 clients: it failed: it ended");
}

TEST(Thresholds, of_throughput_that_the_client_limits_are_of_a_lower_bound) {
  Held held;
  held.rows.push_back(row_of(1, 0, 0, 100));
  held.rows.back().trial.judgement.verdict = Verdict::client_bound;
  EXPECT_TRUE(held.of("rate>999").is_kept);
  const char* const may_be_more = "the client was the limit, so it may be more";
  for (const char* text : {"rate>1001", "rate<1001"}) {
    EXPECT_FALSE(held.of(text).is_kept);
    EXPECT_EQ(held.of(text).why, may_be_more);
  }
  EXPECT_TRUE(held.of("p50<1ms").is_kept) << "it is of throughput alone";
}

TEST(Thresholds, are_of_each_model_and_load_unless_they_name_one) {
  CampaignPlan plan = plan_of("scaling", {1, 64});
  std::vector<CampaignRow> rows;
  for (std::size_t i = 0; i < plan.contestants.size(); ++i)
    for (std::size_t level = 0; level < 2; ++level)
      rows.push_back(row_of(i, level, 0, 100));
  plan.thresholds = parse_thresholds({"p50<1s,mine:p50<1us,uring:p50<1s@64"}, plan);
  const auto outcomes = threshold_outcomes(plan, rows);
  std::vector<std::string> seen;
  for (const ThresholdOutcome& one : outcomes)
    seen.push_back(fmt::format("{}@{}{}", one.model, plan.levels[one.level].at,
                               one.is_kept ? "" : "!"));
  EXPECT_EQ(seen, (std::vector<std::string>{"iterative@1", "epoll_level@1", "mine@1",
                                            "iterative@64", "epoll_level@64", "mine@64",
                                            "mine@1!", "mine@64!", "uring@64!"}));
  EXPECT_FALSE(are_kept(outcomes));
  const Json json = thresholds_json(plan, outcomes);
  EXPECT_EQ(json[0]["state"], "kept");
  EXPECT_EQ(json[0]["n"], 1);
  EXPECT_EQ(json[6]["state"], "missed");
  EXPECT_EQ(json[6]["limit"], 1000.0);
  EXPECT_TRUE(json[8]["median"].is_null());
  EXPECT_EQ(json[8]["why"], "it is unavailable: needs Linux 9.1");
}

TEST(Thresholds, are_marked_in_the_table_beside_their_metric_and_listed_below) {
  CampaignPlan plan = plan_of("scaling", {64});
  std::vector<CampaignRow> rows;
  for (std::size_t i = 0; i < 3; ++i) rows.push_back(row_of(i, 0, 0, 100 * (i + 1)));
  for (const auto& [locale, kept, missed] :
       {std::tuple("C.UTF-8", "✓", "✗"), std::tuple("C", "ok", "NO")}) {
    ::setenv("LC_ALL", locale, 1);
    plan.thresholds = parse_thresholds({"p50<150us,epoll_level:p99.9<1ms"}, plan);
    const std::string text = campaign_table(plan, rows, Floor{3000, 5}, {80, false});
    const auto has = [&](const std::string& wanted) {
      EXPECT_NE(text.find(wanted), text.npos) << wanted << "\n" << text;
    };
    has(fmt::format("100 us {}", kept));
    has(fmt::format("200 us {}", missed));
    has("    p99.9");  // though its column goes early
    has("Thresholds: 1 of 4 kept\n");
    has(fmt::format("  {} kept    p50<150us  iterative at 64 clients: 100 us, 1 round\n",
                    kept));
    has(fmt::format(
        "  {} missed  p99.9<1ms  epoll_level at 64 clients: n is too small in "
        "1 of 1",
        missed));
    has(fmt::format("{} keeps its threshold, {} misses it", kept, missed));
  }
  ::unsetenv("LC_ALL");
}

}  // namespace
}  // namespace echolab
