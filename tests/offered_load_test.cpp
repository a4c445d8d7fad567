// What open loops of a campaign offer is the same for all, and of a capacity that was
// measured.

#include "bench/offered_load.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "bench/campaign_ceiling.hpp"
#include "bench/campaign_cell.hpp"
#include "bench/capacity_trials.hpp"
#include "bench/capacity_words.hpp"
#include "bench/claims.hpp"
#include "bench/manifest.hpp"
#include "bench/twin.hpp"
#include "common/error.hpp"

namespace echolab {
namespace {

using namespace std::chrono_literals;

CampaignPlan planned(std::string_view experiment, std::vector<double> places,
                     const std::optional<OfferedRate>& rate = {}) {
  CampaignPlan plan;
  plan.experiment = &find_experiment(experiment);
  plan.load.connections = plan.experiment->clients;
  plan.load.duration = 5s;
  plan.load.warm_up = 1s;
  plan.load.cpus = {1};
  plan.start.cpus = {0};
  plan.rounds = 9;
  plan.seed = 77;
  plan.rate = rate;
  set_levels(plan, places);
  for (const char* name : {"thread_per_client", "epoll_level"})
    plan.contestants.push_back(model_contestant(name));
  return plan;
}

Capacity capacity_with(std::vector<Capacity::Part> parts) {
  Capacity capacity{.rounds = 3, .seconds = 2.5};
  capacity.parts = std::move(parts);
  return capacity;
}

Capacity::Part part(double at, double rate) {
  return {at,
          fmt::format("{:g} clients", at),
          "epoll_level",
          rate,
          {{rate * 0.9, "VALID"}, {rate, "VALID"}, {rate * 1.1, "VALID"}}};
}

double rate_of(const Level& level) {
  return level.load.workload.arrivals->rate;
}

TEST(OfferedRate, is_a_rate_or_a_share_of_the_capacity) {
  EXPECT_EQ(parse_offered_rate("--rate", "10k").per_second, 10'000U);
  EXPECT_EQ(parse_offered_rate("--rate", "10k").share, 0);
  EXPECT_DOUBLE_EQ(parse_offered_rate("--rate", "50%").share, 0.5);
  EXPECT_DOUBLE_EQ(parse_offered_rate("--rate", "12.5%").share, 0.125);
  EXPECT_EQ(parse_offered_rate("--rate", "50%").per_second, 0U);
  for (const char* wrong : {"", "0", "-1", "ten", "%", "0%", "0.5%", "1001%", "50 %",
                            "50%%", "nan%", "2G", "1k..2k", "0.5"})
    EXPECT_THROW((void)parse_offered_rate("--rate", wrong), UsageError) << wrong;
}

TEST(OfferedRate, is_that_of_every_level_and_its_name_says_so) {
  const CampaignPlan plan =
      planned("idle_crowd", {0, 100}, OfferedRate{.per_second = 2000});
  for (const Level& level : plan.levels) {
    EXPECT_EQ(rate_of(level), 2000);
    EXPECT_TRUE(level.name.ends_with(" (2.00k requests/s offered)")) << level.name;
    EXPECT_EQ(level.load.workload.arrivals->law, ArrivalPlan::Law::poisson);
    for (const LoadPlan& other : level.load.company)
      EXPECT_FALSE(other.workload.is_open()) << "the idle are asked nothing";
  }
  EXPECT_FALSE(lacks_capacity(plan));
  EXPECT_EQ(loop_text(plan), "open loop, poisson arrivals");
  EXPECT_EQ(loop_text(planned("idle_crowd", {0})), "closed loop");
}

TEST(OfferedRate, is_a_share_of_what_was_measured_at_each_level) {
  CampaignPlan plan = planned("scaling", {1, 16}, OfferedRate{.share = 0.5});
  EXPECT_TRUE(lacks_capacity(plan));
  EXPECT_GT(capacity_seconds(plan), 0);
  EXPECT_EQ(plan.levels[1].name, "16 clients (50 % of its capacity offered)");
  use_capacity(plan, capacity_with({part(1, 4000), part(16, 9000)}));
  EXPECT_FALSE(lacks_capacity(plan));
  EXPECT_EQ(capacity_seconds(plan), 0);
  EXPECT_EQ(rate_of(plan.levels[0]), 2000);
  EXPECT_EQ(rate_of(plan.levels[1]), 4500);
  EXPECT_EQ(plan.levels[1].name, "16 clients (4.50k requests/s offered)");
}

TEST(OfferedRate, makes_an_experiment_about_throughput_one_about_cost) {
  const CampaignPlan plan =
      planned("blocking_work", {0, 1}, OfferedRate{.per_second = 100});
  EXPECT_EQ(plan.experiment->metric, "cpu_ns");
  EXPECT_EQ(plan.experiment->name, "blocking_work");
  EXPECT_EQ(planned("blocking_work", {0}).experiment->metric, "rate");
  const CampaignPlan copy = capacity_plan(plan);
  const CampaignPlan again =
      plan_of(nlohmann::json::parse(manifest_json(plan, {}).dump()));
  EXPECT_EQ(manifest_json(again, {})["experiment"]["metric"], "cpu_ns");
  EXPECT_EQ(copy.experiment->metric, "cpu_ns");
}

TEST(Overload, offers_shares_of_one_capacity) {
  CampaignPlan plan = planned("overload", {50, 150});
  EXPECT_TRUE(lacks_capacity(plan));
  EXPECT_EQ(plan.levels[0].name, "50 % of capacity");
  use_capacity(plan, capacity_with({part(150, 8000)}));
  EXPECT_EQ(rate_of(plan.levels[0]), 4000);
  EXPECT_EQ(rate_of(plan.levels[1]), 12'000);
  EXPECT_EQ(plan.levels[1].name, "150 % of capacity (12.0k requests/s offered)");
}

TEST(CapacityPlan, has_the_baseline_in_closed_loops_of_the_same_load) {
  CampaignPlan plan = planned("overload", {50, 150});
  add_twin(plan);
  add_ceiling(plan);
  const CampaignPlan own = capacity_plan(plan);
  ASSERT_EQ(own.contestants.size(), 1U);
  EXPECT_EQ(own.contestants[0].name, "epoll_level");
  ASSERT_EQ(own.levels.size(), 1U) << "one load, however many rates";
  const LoadPlan& load = own.levels[0].load;
  EXPECT_EQ(own.levels[0].name, "256 clients");
  EXPECT_FALSE(load.workload.is_open());
  EXPECT_EQ(load.connections, plan.levels[0].load.connections);
  EXPECT_EQ(load.work->compute, plan.levels[0].load.work->compute);
  EXPECT_EQ(load.cpus, plan.load.cpus);
  EXPECT_EQ(own.start.cpus, plan.start.cpus);
  EXPECT_EQ(load.duration, Nanoseconds(1s));
  EXPECT_EQ(own.rounds, 5U);
  plan.rounds = 1;
  EXPECT_EQ(capacity_plan(plan).rounds, 3U);
}

TEST(CapacityPlan, has_each_level_where_loads_differ_and_the_first_who_serves_it) {
  CampaignPlan plan = planned("transports", {0, 3}, OfferedRate{.share = 0.5});
  plan.contestants = {model_contestant("thread_per_client"),
                      model_contestant("udp_iterative"), model_contestant("udp_batched")};
  const CampaignPlan own = capacity_plan(plan);
  ASSERT_EQ(own.levels.size(), 2U);
  ASSERT_EQ(own.contestants.size(), 2U);
  EXPECT_EQ(own.contestants[0].name, "thread_per_client");
  EXPECT_EQ(own.contestants[1].name, "udp_iterative");
  EXPECT_EQ(places_in_round(own), 2U);
  const std::string ahead = capacity_ahead(plan);
  EXPECT_NE(ahead.find("thread_per_client and udp_iterative"), ahead.npos) << ahead;
}

TEST(Capacity, comes_back_from_the_manifest_with_the_rates) {
  for (const bool is_share : {true, false}) {
    CampaignPlan plan = is_share
                            ? planned("scaling", {1, 16}, OfferedRate{.share = 0.25})
                            : planned("scaling", {1, 16}, OfferedRate{.per_second = 9});
    auto manifest = manifest_json(plan, {});
    if (is_share) {
      use_capacity(plan, capacity_with({part(1, 4000), part(16, 8000)}));
      manifest["capacity"] = capacity_json(*plan.capacity);
      write_levels(manifest, plan);
    }
    const CampaignPlan again = plan_of(nlohmann::json::parse(manifest.dump()));
    const auto written = manifest_json(again, {});
    EXPECT_EQ(written["options"], manifest["options"]);
    EXPECT_EQ(written["experiment"], manifest["experiment"]);
    EXPECT_EQ(rate_of(again.levels[1]), is_share ? 2000 : 9);
    EXPECT_FALSE(lacks_capacity(again));
    if (!is_share) continue;
    EXPECT_EQ(capacity_json(*again.capacity), manifest["capacity"]);
  }
  const auto closed = manifest_json(planned("scaling", {1}), {});
  EXPECT_FALSE(closed["options"].contains("rate_share"));
  EXPECT_FALSE(closed["options"].contains("rate_per_second"));
}

TEST(Capacity, is_said_with_its_range_and_as_a_bound_where_the_client_was_the_limit) {
  Capacity capacity = capacity_with({part(16, 8000)});
  EXPECT_EQ(capacity_text(capacity),
            "Capacity, of which a share is offered: 8.00k requests/s of epoll_level at "
            "16 clients (7.20k to 8.80k), medians (and ranges) of 3 closed loops each, "
            "before the campaign.");
  for (const std::size_t i : {0U, 1U})
    capacity.parts[0].trials[i].verdict = "CLIENT-BOUND";
  const std::string text = capacity_text(capacity);
  EXPECT_NE(text.find(": at least 8.00k requests/s"), text.npos) << text;
  EXPECT_NE(text.find("; at least: the client was the limit."), text.npos) << text;
}

TEST(Overload, has_the_baseline_in_a_closed_loop_at_the_greatest_level_for_a_claim) {
  CampaignPlan plan = planned("overload", {50, 150});
  add_twin(plan);
  add_closed(plan);
  ASSERT_EQ(plan.contestants.size(), 4U);
  const Contestant& closed = plan.contestants[3];
  EXPECT_EQ(closed.name, "epoll_level(closed)");
  EXPECT_FALSE(serves(closed, plan.levels[0]));
  EXPECT_TRUE(serves(closed, plan.levels[1]));
  EXPECT_FALSE(load_of(closed, plan.levels[1]).workload.is_open());
  EXPECT_EQ(load_of(closed, plan.levels[1]).work->compute,
            plan.levels[1].load.work->compute);
  EXPECT_TRUE(load_of(plan.contestants[1], plan.levels[1]).workload.is_open());
  const auto manifest = manifest_json(plan, {});
  const CampaignPlan again = plan_of(nlohmann::json::parse(manifest.dump()));
  EXPECT_TRUE(again.contestants[3].is_closed);
  EXPECT_EQ(again.contestants[3].twin_of, "epoll_level");
  EXPECT_EQ(manifest_json(again, {})["models"], manifest["models"]);
  CampaignPlan other = planned("overload", {50, 150});
  other.contestants.pop_back();
  add_closed(other);
  EXPECT_EQ(other.contestants.size(), 1U) << "no claim is about thread_per_client";
  for (CampaignPlan without : {planned("overload", {50}), planned("scaling", {16}),
                               planned("scaling", {16}, OfferedRate{.share = 1.5})}) {
    add_closed(without);
    EXPECT_EQ(without.contestants.size(), 2U);
  }
}

/// The p99 of each contestant at the second level, in 3 rounds, in ms.
std::vector<CampaignRow> rows_with(const std::vector<int>& p99_ms) {
  std::vector<CampaignRow> rows;
  for (std::uint64_t round = 0; round < 6; ++round)
    for (std::size_t i = 0; i < p99_ms.size(); ++i) {
      Trial trial;
      trial.load.seconds = 1;
      trial.load.requests = 1000;
      trial.server.cpu_ns_per_request = 1000;
      for (int n = 0; n < 1000; ++n) trial.load.response.record(p99_ms[i] * 1'000'000);
      rows.push_back({i, 1, round, std::move(trial)});
    }
  return rows;
}

TEST(Overload, holds_the_open_loop_beside_the_closed_one_and_ranks_that_nowhere) {
  CampaignPlan plan = planned("overload", {50, 150});
  add_closed(plan);
  const auto rows = rows_with({100, 90, 30});
  const auto outcomes = claim_outcomes(plan, rows);
  ASSERT_EQ(outcomes.size(), 2U);
  EXPECT_EQ(outcomes[1].word, "same order");
  EXPECT_NEAR(outcomes[1].ratio.median, 3, 0.01);
  EXPECT_EQ(cells_at(plan, rows, 1).size(), 2U);
  EXPECT_TRUE(twin_ratios(plan, rows, 1, find_metric("p99_ns")).empty()) << "no A/A pair";
  const auto reversed = claim_outcomes(plan, rows_with({100, 30, 90}));
  EXPECT_EQ(reversed[1].word, "reversed");
}

TEST(Seed, is_one_for_all_servers_of_a_round_and_another_for_the_next) {
  const CampaignPlan plan = planned("idle_crowd", {100});
  std::set<std::uint64_t> seeds;
  for (std::uint64_t round = 0; round < 3; ++round) {
    LoadPlan load = plan.levels[0].load;
    use_seed(load, seed_of_round(plan, round));
    EXPECT_EQ(load.seed, seed_of_round(plan, round));
    EXPECT_TRUE(seeds.insert(load.seed).second);
    EXPECT_TRUE(seeds.insert(load.company[0].seed).second) << "texts of its own";
  }
  CampaignPlan other = plan;
  other.seed = 78;
  EXPECT_NE(seed_of_round(other, 0), seed_of_round(plan, 0));
}

}  // namespace
}  // namespace echolab
