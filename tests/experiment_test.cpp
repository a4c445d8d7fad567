// Each experiment makes the loads that its axis stands for.

#include "bench/experiment.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "bench/campaign.hpp"
#include "bench/campaign_ceiling.hpp"
#include "bench/claims.hpp"
#include "bench/experiment_levels.hpp"
#include "bench/inference.hpp"
#include "bench/selection.hpp"
#include "bench/twin.hpp"
#include "clients/population_report.hpp"
#include "common/error.hpp"

namespace echolab {
namespace {

using namespace std::chrono_literals;

Level level_of(std::string_view experiment, double at) {
  LoadPlan load;
  load.connections = find_experiment(experiment).clients;
  load.duration = 1s;
  return level_at(find_experiment(experiment), at, load);
}

TEST(Experiments, are_whole_and_name_what_there_is) {
  std::set<std::string_view> names;
  for (const Experiment& one : experiments()) {
    SCOPED_TRACE(one.name);
    EXPECT_TRUE(names.insert(one.name).second);
    EXPECT_TRUE(one.question.ends_with("?"));
    EXPECT_NO_THROW((void)find_metric(one.metric));
    const auto models = select_models(one.models);
    const auto has = [&](std::string_view name) {
      return std::ranges::count(models, name, &Model::name) == 1;
    };
    EXPECT_TRUE(has(one.baseline));
    for (const Claim& claim : one.claims) {
      EXPECT_NO_THROW((void)find_metric(claim.metric));
      const std::string_view less = claim.less.substr(0, claim.less.find("(closed)"));
      EXPECT_TRUE(has(less)) << claim.less;
      EXPECT_TRUE(has(claim.more)) << claim.more;
      EXPECT_FALSE(claim.source.empty() || claim.why_not.empty());
    }
    for (const std::string_view text : one.levels)
      EXPECT_FALSE(parse_levels(one, "--at", text).empty());
  }
  EXPECT_EQ(names.size(), 12U);
}

/// As echo_compare plans it with nothing but --preset quick, on one core each.
CampaignPlan quick_plan(const Experiment& experiment) {
  const Length length = length_of(Preset::quick);
  CampaignPlan plan;
  plan.experiment = &experiment;
  plan.rounds = length.rounds;
  plan.load.duration = length.duration;
  plan.load.warm_up = length.warm_up;
  plan.load.connections = experiment.clients;
  plan.start.cpus = {0};
  set_levels(plan,
             parse_levels(experiment, "--at",
                          experiment.levels[static_cast<std::size_t>(Preset::quick)]));
  for (const Model* model : select_models(experiment.models))
    plan.contestants.push_back(model_contestant(model->name));
  return plan;
}

/// Six could show a difference; of nine one bad round at either end does not widen an
/// interval.
TEST(Experiments, have_rounds_enough_in_quick_for_one_that_goes_wrong) {
  for (const Experiment& one : experiments())
    EXPECT_EQ(median_interval_rank(quick_plan(one).rounds), 2U) << one.name;
}

TEST(Experiments, take_in_quick_so_long_that_a_tenth_is_left_for_repeats) {
  for (const Experiment& one : experiments()) {
    CampaignPlan plan = quick_plan(one);
    add_twin(plan);
    add_ceiling(plan);
    EXPECT_LE(estimated_seconds(plan), 4 * 60 * 0.9) << one.name;
  }
}

TEST(Experiments, have_levels_of_different_names_whose_loads_are_served) {
  for (const Experiment& one : experiments()) {
    std::set<std::string> names;
    CampaignPlan plan;
    plan.experiment = &one;
    set_levels(plan, parse_levels(one, "--at", one.levels.back()));
    for (const Level& level : plan.levels) {
      EXPECT_TRUE(names.insert(level.name).second) << level.name;
      const auto arguments = start_at(plan, level).arguments;
      EXPECT_GE(std::stoul(arguments.at(1)), connections_of(level.load) + 16);
      EXPECT_EQ(std::ranges::count(arguments, "work"), level.load.work ? 1 : 0);
    }
  }
}

TEST(Experiments, vary_what_they_say) {
  EXPECT_EQ(level_of("scaling", 100).load.connections, 100U);
  EXPECT_EQ(level_of("payload", 4096).load.payload_bytes, 4096U);
  EXPECT_EQ(level_of("churn", 10).load.manners.requests, 10U);
  EXPECT_EQ(level_of("blocking_work", 2.5).load.work->block, 2500us);
  EXPECT_EQ(level_of("burst", 512).load.connects_at_once, 512U);
  EXPECT_EQ(level_of("transports", 2).listen->transport, Transport::unix_stream);
  const Level process_control = level_of("process_control", 5);
  EXPECT_EQ(process_control.load.payload_bytes, 4000U);
  EXPECT_EQ(process_control.load.manners.requests, 1U);
}

TEST(Experiments, offer_the_rate_that_the_asked_work_allows) {
  EXPECT_TRUE(level_of("overload", 50).load.workload.is_open());
  EXPECT_DOUBLE_EQ(level_of("overload", 50).share_of_capacity, 0.5);
  EXPECT_DOUBLE_EQ(level_of("overload", 150).share_of_capacity, 1.5);
  EXPECT_EQ(level_of("scaling", 16).share_of_capacity, 0);
  const LoadPlan heavy = level_of("cpu_work", 10).load;
  const double mean_us =
      static_cast<double>(heavy.work->compute.count()) +
      heavy.work->heavy_share * static_cast<double>(heavy.work->heavy_compute.count());
  const double use = heavy.workload.arrivals->rate * mean_us / 1e6;
  EXPECT_GT(use, 0.3);
  EXPECT_LT(use, 0.4);  // the rest is what an echo costs anyway
}

TEST(Experiments, have_company_that_asks_nothing_or_behaves_badly) {
  const Level none = level_of("idle_crowd", 0);
  EXPECT_TRUE(none.load.company.empty());
  const Level crowd = level_of("idle_crowd", 900);
  ASSERT_EQ(crowd.load.company.size(), 1U);
  EXPECT_EQ(crowd.load.company[0].manners.kind, Manners::Kind::idle);
  EXPECT_EQ(connections_of(crowd.load), 916U);
  for (const double bad : {0, 1, 2, 3, 10, 300}) {
    const Level level = level_of("bad_company", bad);
    EXPECT_EQ(static_cast<double>(connections_of(level.load) - 16), bad);
    std::set<std::string> names = {level.load.name};
    for (const LoadPlan& other : level.load.company)
      EXPECT_TRUE(names.insert(other.name).second && other.company.empty());
  }
}

TEST(Experiments, speak_one_language_in_a_load) {
  LoadPlan load;
  load.work = WorkMix{.compute = 5us};
  const Level level = level_at(find_experiment("idle_crowd"), 10, load);
  ASSERT_TRUE(level.load.company[0].work);
  EXPECT_EQ(level.load.company[0].work->most(), 0us);
}

TEST(Levels, are_refused_by_what_they_should_be) {
  const auto refused = [](std::string_view experiment, std::string_view text) {
    EXPECT_THROW((void)parse_levels(find_experiment(experiment), "--at", text),
                 UsageError)
        << text;
  };
  refused("scaling", "0");
  refused("scaling", "1,x");
  refused("scaling", "");
  refused("idle_crowd", "100001");
  refused("payload", "17MiB");
  refused("blocking_work", "11s");
  refused("transports", "tcp");
  EXPECT_THROW((void)find_experiment("scalin"), UsageError);
  const auto levels = parse_levels(find_experiment("idle_crowd"), "--at", "10,0,10,1k");
  EXPECT_EQ(levels, (std::vector<double>{0, 10, 1000}));
}

/// Two models with these rates at two levels, in blocking_work.
std::string claim_with(double loop, double pool, std::uint64_t rounds = 6) {
  CampaignPlan plan;
  plan.experiment = &find_experiment("blocking_work");
  set_levels(plan, {0, 10});
  plan.contestants.resize(2);
  plan.contestants[0].name = "epoll_level";
  plan.contestants[1].name = "thread_pool";
  std::vector<CampaignRow> rows;
  for (std::uint64_t round = 0; round < rounds; ++round)
    for (std::size_t level = 0; level < 2; ++level)
      for (std::size_t i = 0; i < 2; ++i) {
        Trial trial;
        trial.load.seconds = 1;
        const double rate = level == 0 ? 1000 : i == 0 ? loop : pool;
        trial.load.requests = static_cast<std::uint64_t>(rate) + round;
        rows.push_back({i, level, round, std::move(trial)});
      }
  const auto texts = claims_in_words(plan, rows);
  return texts.size() == 1 ? texts[0] : "";
}

TEST(Claims, are_held_beside_what_was_measured_at_the_greatest_level) {
  const std::string same = claim_with(100, 6000);
  EXPECT_NE(
      same.find("Here: same order; thread_pool / epoll_level at 10.0 ms of waiting, "
                "requests per second: 58.6 (57.2 to 60.0, n = 6)."),
      same.npos)
      << same;
  EXPECT_EQ(same.find("may differ"), same.npos);
  const std::string reverse = claim_with(6000, 100);
  EXPECT_NE(reverse.find("Here: reversed; "), reverse.npos) << reverse;
  EXPECT_NE(reverse.find("It may differ because"), reverse.npos);
  const std::string none = claim_with(1000, 1010);
  EXPECT_NE(none.find("Here: not shown; "), none.npos) << none;
}

TEST(Claims, are_not_shown_by_so_few_rounds_as_chance_may_make) {
  const std::string three = claim_with(100, 6000, 3);
  EXPECT_NE(three.find("Here: not shown; "), three.npos) << three;
  EXPECT_NE(three.find("(58.8 to 60.0, n = 3); 3 rounds only, too few to decide."),
            three.npos)
      << three;
  const std::string five = claim_with(100, 6000, 5);
  EXPECT_NE(five.find("Here: not shown; "), five.npos) << five;
}

TEST(Claims, that_two_have_about_the_same_are_of_their_own_level_and_factor) {
  const Experiment& crowd = find_experiment("idle_crowd");
  const auto alike = [](const Claim& claim) { return claim.within.has_value(); };
  EXPECT_EQ(std::ranges::count_if(crowd.claims, alike), 2);
  for (const Experiment& one : experiments())
    for (const Claim& claim : one.claims) EXPECT_GT(claim.within.value_or(2), 1);
}

}  // namespace
}  // namespace echolab
