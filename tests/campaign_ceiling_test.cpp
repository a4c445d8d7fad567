// What the client can do by itself is known at each level before anybody is judged by it.

#include "bench/campaign_ceiling.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "bench/campaign_order.hpp"
#include "bench/campaign_row.hpp"
#include "bench/manifest.hpp"

namespace echolab {
namespace {

CampaignPlan plan_of(std::initializer_list<const char*> models) {
  CampaignPlan plan;
  for (const char* model : models) plan.contestants.push_back(model_contestant(model));
  set_levels(plan, {1, 8});
  plan.rounds = 3;
  plan.seed = 7;
  add_ceiling(plan);
  return plan;
}

/// A trial that reached such a rate.
CampaignRow row_of(std::size_t contestant, std::size_t level, std::uint64_t rate) {
  Trial trial;
  trial.load.seconds = 1;
  trial.load.requests = rate;
  trial.judgement.verdict = Verdict::client_bound;
  return {contestant, level, 0, std::move(trial)};
}

TEST(CampaignCeiling, IsMeasuredFirstAtEachLevelAndThenWhereTheSeedSays) {
  const CampaignPlan plan = plan_of({"epoll_level", "iterative", "select_loop"});
  CampaignOrder order(plan);
  std::vector<bool> is_ceiling;
  while (const auto place = order.next()) {
    is_ceiling.push_back(plan.contestants[place->contestant].is_ceiling);
    order.ran({place->contestant, place->level, place->round, {}});
  }
  ASSERT_EQ(is_ceiling.size(), 24U);
  EXPECT_EQ(std::ranges::count(is_ceiling, true), 6);
  EXPECT_TRUE(is_ceiling[0] && is_ceiling[1]);
  EXPECT_FALSE(is_ceiling[8] && is_ceiling[9]) << "a later round is shuffled as a whole";
}

TEST(CampaignCeiling, IsTheMedianOfItsTrialsAtTheLevelThatCount) {
  const CampaignPlan plan = plan_of({"epoll_level"});
  std::vector<CampaignRow> rows;
  const Contestant& model = plan.contestants[0];
  EXPECT_FALSE(ceiling_so_far(plan, rows, model, 0));
  rows.push_back(row_of(1, 0, 100'000));
  rows.push_back(row_of(1, 1, 7));       // another level
  rows.push_back(row_of(0, 0, 50'000));  // another contestant
  EXPECT_EQ(ceiling_so_far(plan, rows, model, 0)->requests_per_second, 100'000);
  rows.push_back(row_of(1, 0, 300'000));
  rows.push_back(row_of(1, 0, 120'000));
  rows.push_back(row_of(1, 0, 1));
  rows.back().excluded = "repeated because NOISY";
  rows.push_back(row_of(1, 0, 2));
  rows.back().trial.judgement.verdict = Verdict::noisy;
  rows.push_back(row_of(1, 0, 0));
  rows.back().trial.judgement.verdict = Verdict::failed;
  const auto ceiling = ceiling_so_far(plan, rows, model, 0);
  EXPECT_EQ(ceiling->requests_per_second, 120'000);
  EXPECT_EQ(ceiling->n, 3U);
  EXPECT_FALSE(ceiling_so_far(plan, rows, plan.contestants[1], 0)) << "of itself";
}

TEST(CampaignCeiling, OfStreamsSaysNothingOfDatagrams) {
  const std::vector<CampaignRow> rows = {row_of(2, 0, 100'000)};
  const CampaignPlan mixed = plan_of({"epoll_level", "udp_iterative"});
  EXPECT_TRUE(ceiling_so_far(mixed, rows, mixed.contestants[0], 0));
  EXPECT_FALSE(ceiling_so_far(mixed, rows, mixed.contestants[1], 0));
  const CampaignPlan datagrams = plan_of({"udp_iterative", "udp_batched"});
  EXPECT_TRUE(datagrams.start.endpoint_of(datagrams.contestants[2]).is_datagram());
  EXPECT_TRUE(ceiling_so_far(datagrams, rows, datagrams.contestants[0], 0));
}

TEST(CampaignCeiling, SpeaksWhateverTheLevelIsCarriedBy) {
  CampaignPlan plan = plan_of({"epoll_level"});
  for (const char* endpoint :
       {"tcp://[::1]:0", "unix:///tmp/echolab-test.sock", "udp://127.0.0.1:0"}) {
    plan.levels[0].listen = Endpoint::parse(endpoint);
    EXPECT_TRUE(serves(plan.contestants[1], plan.levels[0]));
    EXPECT_EQ(start_at(plan, plan.levels[0]).endpoint_of(plan.contestants[1]).text(),
              endpoint);
  }
}

TEST(CampaignCeiling, LoadIsAClosedLoopWithoutWork) {
  CampaignPlan plan = plan_of({"epoll_level"});
  Level level = plan.levels[1];
  level.load.workload.arrivals.emplace();
  level.load.work = WorkMix{.compute = std::chrono::microseconds(50)};
  const LoadPlan bare = load_of(plan.contestants[1], level);
  EXPECT_FALSE(bare.workload.is_open());
  EXPECT_TRUE(bare.work.has_value());
  EXPECT_EQ(bare.work->compute.count(), 0);
  EXPECT_EQ(bare.connections, level.load.connections);
  EXPECT_TRUE(load_of(plan.contestants[0], level).workload.is_open());
}

TEST(CampaignCeiling, IsInTheManifestWithItsRoleAndComesBack) {
  for (const char* model : {"epoll_level", "udp_iterative"}) {
    const CampaignPlan plan = plan_of({model});
    const auto manifest = manifest_json(plan, {});
    EXPECT_EQ(manifest["models"][1]["name"], "null_responder");
    EXPECT_EQ(manifest["models"][1]["family"], "ceiling");
    EXPECT_EQ(manifest["models"][1]["role"], "ceiling");
    EXPECT_TRUE(manifest["models"][0]["role"].is_null());
    const CampaignPlan again = echolab::plan_of(manifest);
    ASSERT_EQ(again.contestants.size(), 2U);
    EXPECT_TRUE(again.contestants[1].is_ceiling);
    EXPECT_EQ(again.start.ceiling_in_datagrams, plan.start.ceiling_in_datagrams);
  }
}

TEST(CampaignCeiling, IsInNoTableButForItsRate) {
  const CampaignPlan plan = plan_of({"epoll_level"});
  const auto table = campaign_table(plan, {row_of(0, 0, 50'000), row_of(1, 0, 200'000)},
                                    {}, {200, false});
  EXPECT_EQ(table.find("null_responder"), table.npos);
  EXPECT_NE(table.find("the client by itself: 200k req/s, of 1 trial"), table.npos);
}

}  // namespace
}  // namespace echolab
