// Tuning tries few settings, takes the best of them, and says why: for all alike.

#include <gtest/gtest.h>

#include <algorithm>

#include "bench/campaign_ceiling.hpp"
#include "bench/manifest.hpp"
#include "bench/setting_choice.hpp"
#include "bench/sweep.hpp"
#include "bench/tuning_words.hpp"
#include "bench/twin.hpp"

namespace echolab {
namespace {

std::vector<std::string> texts_of(const std::optional<Knob>& knob) {
  std::vector<std::string> texts;
  if (knob)
    for (const Knob::Setting& setting : knob->settings) texts.push_back(setting.text);
  return texts;
}

using Texts = std::vector<std::string>;

LoadPlan clients(std::size_t number) {
  LoadPlan load;
  load.connections = number;
  return load;
}

Texts workers_of(std::string_view model, const LoadPlan& load, std::size_t cores) {
  return texts_of(workers_knob(find_model(model), load, cores));
}

TEST(Knobs, of_workers_begin_with_the_default_and_end_with_one_for_each_connection) {
  EXPECT_EQ(workers_of("half_sync_half_async", clients(16), 2),
            (Texts{"2", "1", "4", "16"}));
  EXPECT_EQ(workers_of("half_sync_half_async", clients(17), 1),
            (Texts{"1", "4", "16", "64"}));
  EXPECT_EQ(workers_of("half_sync_half_async", clients(100'000), 3).back(), "4096");
  LoadPlan crowd = clients(4);
  crowd.company.push_back(clients(100));
  EXPECT_EQ(workers_of("half_sync_half_async", crowd, 1).back(), "256");
}

TEST(Knobs, of_models_without_workers_are_none) {
  EXPECT_EQ(workers_of("epoll_level", clients(16), 2), Texts());
  EXPECT_EQ(workers_of("iterative", clients(16), 2), Texts());
}

TEST(Knobs, are_not_tried_with_fewer_workers_than_connections_that_hold_them) {
  EXPECT_EQ(workers_of("thread_pool", clients(100), 2), (Texts{"64", "256"}));
  EXPECT_EQ(workers_of("prefork", clients(64), 2), Texts());
  LoadPlan churn = clients(16);  // each leaves its worker to the next
  churn.manners.kind = Manners::Kind::churn;
  churn.manners.requests = 1;
  EXPECT_EQ(workers_of("thread_pool", churn, 2), (Texts{"64", "1", "2", "4", "16"}));
}

Texts buffers_of(const CampaignPlan& plan, std::string_view model = "epoll_level") {
  return texts_of(buffer_knob(find_model(model), plan, plan.levels.back().load));
}

TEST(Knobs, of_buffers_suit_the_requests_and_the_memory) {
  CampaignPlan plan;
  plan.levels = {{.at = 1, .name = "", .load = clients(16)}};
  LoadPlan& load = plan.levels.back().load;
  EXPECT_EQ(buffers_of(plan), (Texts{"16 KiB", "4 KiB", "64 KiB"}));
  EXPECT_EQ(buffers_of(plan, "udp_iterative"), Texts());
  load.payload_bytes = 1 << 20;
  EXPECT_EQ(buffers_of(plan).back(), "256 KiB");
  load.connections = 10'000;
  EXPECT_EQ(buffers_of(plan), (Texts{"16 KiB", "4 KiB", "64 KiB"}));
  load.connections = 20'000;
  EXPECT_EQ(buffers_of(plan), (Texts{"16 KiB", "4 KiB"}));
}

TEST(Knobs, of_buffers_hold_the_frames_of_all_levels) {
  CampaignPlan plan;
  plan.levels = {{.at = 1, .name = "", .load = clients(16)},
                 {.at = 2, .name = "", .load = clients(16)}};
  for (Level& level : plan.levels) level.load.work = WorkMix{};
  plan.levels.front().load.payload_bytes = 20'000;
  EXPECT_EQ(buffers_of(plan), (Texts{"16 KiB", "64 KiB"}));
  plan.levels.back().load.payload_bytes = 20'000;
  EXPECT_EQ(buffers_of(plan), (Texts{"20016 B", "64 KiB"}));
}

/// Settings whose figures by round these are; the first is the default.
std::vector<SettingFigures> settings(std::vector<std::vector<double>> figures) {
  std::vector<SettingFigures> all;
  for (const auto& by_round : figures) {
    SettingFigures one;
    one.text = std::string(1, static_cast<char>('a' + all.size()));
    for (std::size_t round = 0; round < by_round.size(); ++round)
      one.by_round[round] = by_round[round];
    all.push_back(one);
  }
  return all;
}

const Metric& cost = find_metric("cpu_ns");
const Metric& rate = find_metric("rate");

TEST(Choice, is_the_best_median_whichever_way_is_better) {
  const auto all = settings({{10, 10, 10}, {5, 5, 5}, {20, 20, 20}});
  EXPECT_EQ(choose_setting(all, cost).setting, 1U);
  const SettingChoice most = choose_setting(all, rate);
  EXPECT_EQ(most.setting, 2U);
  EXPECT_EQ(most.why, "2.00 times the req/s [2.00 to 2.00]");
  EXPECT_EQ(choose_setting(settings({{5, 5, 5}, {10, 10, 10}}), cost).why,
            "no other is better");
}

TEST(Choice, stays_with_the_default_in_a_tie) {
  const auto usual_stays = [](std::vector<double> other, const Metric& metric) {
    const auto choice =
        choose_setting(settings({{10, 10, 10}, std::move(other)}), metric);
    EXPECT_EQ(choice.setting, 0U);
    EXPECT_NE(choice.why.find("b is no better beyond the noise"), std::string::npos)
        << choice.why;
  };
  usual_stays({10.1, 10.1, 10.1}, rate);  // 1 %
  usual_stays({9.9, 9.9, 9.9}, cost);
  usual_stays({9.9, 12, 13}, rate);  // worse in one round
  usual_stays({10.1, 8, 7}, cost);
}

TEST(Choice, compares_within_a_round) {
  const auto all = settings({{10, 20, 40}, {11, 22, 44}});
  EXPECT_EQ(choose_setting(all, rate).setting, 1U);
}

TEST(Choice, is_nobody_who_leaves_clients_without_a_reply) {
  auto all = settings({{10, 10, 10}, {5, 5, 5}, {8, 8, 8}});
  all[1].starved = 3;
  EXPECT_EQ(choose_setting(all, cost).setting, 2U);
  all[0].starved = 7;  // then the better has to be taken, better or not
  all[2].by_round = {{0, 30}, {1, 30}, {2, 30}};
  const SettingChoice dear = choose_setting(all, cost);
  EXPECT_EQ(dear.setting, 2U);
  EXPECT_EQ(dear.why, "the default left 7 clients without a reply");
}

TEST(Choice, is_among_those_that_leave_no_more_than_the_default_where_all_leave_some) {
  auto all = settings({{10, 10, 10}, {5, 5, 5}, {2, 2, 2}});
  all[0].starved = all[1].starved = 7;
  all[2].starved = 9;
  EXPECT_EQ(choose_setting(all, cost).setting, 1U);
}

TEST(Choice, is_nobody_whose_trial_failed_while_there_is_another) {
  auto all = settings({{10, 10, 10}, {5, 5}, {8, 8, 8}});
  all[1].failed = 1;
  EXPECT_EQ(choose_setting(all, cost).setting, 2U);
  all[0].failed = 2;
  EXPECT_EQ(choose_setting(all, cost).why, "the default failed in 2 trials");
  all[2].failed = 1;
  EXPECT_EQ(choose_setting(all, cost).setting, 1U);  // all failed
  EXPECT_EQ(choose_setting(settings({{}, {}}), cost).setting, 0U);
}

CampaignPlan plan_with(std::initializer_list<const char*> names) {
  CampaignPlan plan;
  plan.experiment = &find_experiment("scaling");
  plan.load.cpus = {1};
  plan.start.cpus = {0};
  plan.tune = true;
  set_levels(plan, {1, 16});
  for (const char* name : names) plan.contestants.push_back(model_contestant(name));
  return plan;
}

Texts names_in(const CampaignPlan& plan) {
  Texts names;
  for (const Contestant& one : plan.contestants) names.push_back(one.name);
  return names;
}

TEST(Sweep, is_a_campaign_of_settings_at_the_greatest_level_on_the_same_cpus) {
  CampaignPlan plan = plan_with({"epoll_level", "amped"});
  plan.contestants.push_back(external_contestant("mine=./mine {port}"));
  add_twin(plan);
  add_ceiling(plan);
  const Sweep workers = sweep_of(plan, "--workers", ChosenArguments(5));
  EXPECT_EQ(names_in(workers.plan), (Texts{"amped (default --workers)",
                                           "amped --workers 4", "amped --workers 16"}));
  EXPECT_EQ(workers.plan.levels.size(), 1U);
  EXPECT_EQ(workers.plan.levels[0].at, 16);
  EXPECT_EQ(workers.plan.rounds, 3U);
  EXPECT_EQ(workers.plan.start.cpus, plan.start.cpus);
  EXPECT_EQ(workers.plan.seed, plan.seed);
  ChosenArguments chosen(5);
  chosen[1] = {"--workers", "4"};
  const Sweep buffers = sweep_of(plan, "--buffer", chosen);
  ASSERT_EQ(buffers.parts.size(), 2U);
  EXPECT_EQ(buffers.plan.contestants.back().name, "amped --workers 4 --buffer 64KiB");
  EXPECT_EQ(buffers.plan.contestants.back().arguments,
            (Texts{"--workers", "4", "--buffer", "64KiB"}));
}

TEST(Sweep, is_at_the_greatest_level_that_a_model_serves) {
  CampaignPlan plan = plan_with({"epoll_level", "udp_sharded"});
  plan.experiment = &find_experiment("transports");
  set_levels(plan, {0, 2, 3});  // tcp4, unix, udp
  const Sweep workers = sweep_of(plan, "--workers", ChosenArguments(2));
  const Sweep buffers = sweep_of(plan, "--buffer", ChosenArguments(2));
  ASSERT_EQ(workers.plan.levels.size(), 1U);
  EXPECT_EQ(workers.plan.levels[0].at, 3);
  ASSERT_EQ(buffers.plan.levels.size(), 1U);
  EXPECT_EQ(buffers.plan.levels[0].at, 2);
}

TEST(Sweep, has_its_time_told) {
  const CampaignPlan plan = plan_with({"epoll_level"});
  EXPECT_DOUBLE_EQ(
      tuning_seconds(plan),
      estimated_seconds(sweep_of(plan, "--buffer", ChosenArguments(1)).plan));
  EXPECT_EQ(tuning_ahead(plan),
            (Texts{"--buffer 16 KiB (default), 4 KiB, 64 KiB: epoll_level"}));
}

TEST(Tuned, settings_are_those_of_the_twin_too_and_come_back_from_the_manifest) {
  CampaignPlan plan = plan_with({"epoll_level", "thread_pool"});
  add_twin(plan);
  auto manifest = manifest_json(plan, {});
  const nlohmann::json tuned = {
      {"models", {{{"model", "epoll_level"}, {"arguments", {"--buffer", "4KiB"}}}}},
      {"sentences", {"Tuned: epoll_level."}}};
  manifest["tuned"] = tuned;
  const CampaignPlan again = plan_of(manifest);
  EXPECT_TRUE(again.tune);
  ASSERT_EQ(names_in(again), (Texts{"epoll_level", "thread_pool", "epoll_level(A/A)"}));
  EXPECT_EQ(again.contestants[0].arguments, (Texts{"--buffer", "4KiB"}));
  EXPECT_EQ(again.contestants[1].arguments, Texts());
  EXPECT_EQ(again.contestants[2].arguments, again.contestants[0].arguments);
  EXPECT_EQ(again.tuned, Texts{"Tuned: epoll_level."});
}

TEST(Tuned, is_no_option_of_a_campaign_that_is_not) {
  CampaignPlan plan = plan_with({"epoll_level"});
  plan.tune = false;
  EXPECT_FALSE(manifest_json(plan, {})["options"].contains("tune"));
}

}  // namespace
}  // namespace echolab
