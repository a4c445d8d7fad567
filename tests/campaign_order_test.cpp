// Which trial of a campaign comes next.

#include "bench/campaign_order.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "bench/experiment_levels.hpp"

namespace echolab {
namespace {

using Key = std::tuple<std::uint64_t, std::size_t, std::size_t>;

CampaignPlan plan_of_twelve() {
  CampaignPlan plan;
  plan.contestants.resize(3);
  set_levels(plan, {1, 8});
  plan.rounds = 2;
  plan.seed = 7;
  return plan;
}

CampaignRow row_at(const CampaignPlace& place) {
  return {place.contestant, place.level, place.round, {}};
}

/// Until nothing is left, or so many were run.
std::vector<Key> keys_run(CampaignOrder& order, std::size_t most = 1000) {
  std::vector<Key> keys;
  while (keys.size() < most) {
    const auto place = order.next();
    if (!place) break;
    keys.emplace_back(place->round, place->contestant, place->level);
    order.ran(row_at(*place));
  }
  return keys;
}

TEST(CampaignOrder, has_every_point_once_in_each_round_one_round_after_the_other) {
  CampaignOrder order(plan_of_twelve());
  const auto keys = keys_run(order);
  ASSERT_EQ(keys.size(), 12U);
  EXPECT_EQ(std::set(keys.begin(), keys.end()).size(), 12U);
  EXPECT_TRUE(
      std::ranges::is_sorted(keys, {}, [](const Key& key) { return std::get<0>(key); }));
}

TEST(CampaignOrder, leaves_out_who_does_not_speak_over_a_level_s_transport) {
  CampaignPlan plan = plan_of_twelve();
  Model in_datagrams{};
  in_datagrams.transports = "datagram";
  Model in_streams{};
  in_streams.transports = "stream";
  plan.contestants[0].model = &in_datagrams;
  plan.contestants[1].model = &in_streams;  // the third is somebody else's: TCP, IPv4
  plan.experiment = &find_experiment("transports");
  set_levels(plan, parse_levels(*plan.experiment, "--at", "tcp4,tcp6,unix,udp,unixgram"));
  plan.rounds = 1;
  CampaignOrder order(plan);
  auto keys = keys_run(order);
  std::ranges::sort(keys);
  const std::vector<Key> expected = {{0, 0, 3}, {0, 0, 4}, {0, 1, 0},
                                     {0, 1, 1}, {0, 1, 2}, {0, 2, 0}};
  EXPECT_EQ(keys, expected);
  EXPECT_EQ(places_in_round(plan), expected.size());
}

TEST(CampaignOrder, is_that_of_the_list_when_asked) {
  CampaignPlan plan = plan_of_twelve();
  plan.is_shuffled = false;
  CampaignOrder order(plan);
  const auto keys = keys_run(order);
  EXPECT_TRUE(std::ranges::is_sorted(keys));
  EXPECT_EQ(keys.size(), 12U);
}

TEST(CampaignOrder, follows_from_the_seed) {
  CampaignPlan plan = plan_of_twelve();
  CampaignOrder one(plan);
  CampaignOrder same(plan);
  plan.seed = 8;
  CampaignOrder other(plan);
  const auto keys = keys_run(one);
  EXPECT_EQ(keys, keys_run(same));
  EXPECT_NE(keys, keys_run(other));
}

TEST(CampaignOrder, goes_on_after_any_trial_as_if_it_had_not_ended) {
  const CampaignPlan plan = plan_of_twelve();
  CampaignOrder whole(plan);
  const auto all = keys_run(whole);
  for (std::size_t kept = 0; kept <= all.size(); ++kept) {
    CampaignOrder before(plan);
    CampaignOrder after(plan);
    auto keys = keys_run(before, kept);
    for (const auto& [round, contestant, level] : keys)
      after.ran(row_at({contestant, level, round}));
    EXPECT_EQ(after.missing().size(), all.size() - kept);
    const auto rest = keys_run(after);
    keys.insert(keys.end(), rest.begin(), rest.end());
    EXPECT_EQ(keys, all) << "kept " << kept;
  }
}

/// Runs `order` out, all trials with `verdict`, from what was run before on.
std::vector<Key> keys_with(Verdict verdict, const CampaignPlan& plan,
                           std::vector<CampaignRow> rows) {
  CampaignOrder order(plan);
  for (const CampaignRow& row : rows) order.ran(row);
  while (const auto place = order.next()) {
    CampaignRow row = row_at(*place);
    row.trial.judgement.verdict = verdict;
    row.excluded = order.excluded_because(row);
    order.ran(row);
    rows.push_back(row);
  }
  std::vector<Key> keys;
  for (const CampaignRow& row : rows)
    keys.emplace_back(row.round, row.contestant, row.level);
  return keys;
}

TEST(CampaignOrder, repeats_what_is_doubtful_in_its_round_as_often_as_the_plan_says) {
  CampaignPlan plan = plan_of_twelve();
  const auto once = keys_with(Verdict::valid, plan, {});
  for (std::uint64_t repeats = 0; repeats <= 2; ++repeats) {
    plan.repeats = repeats;
    std::vector<Key> expected;
    for (const std::ptrdiff_t round : {0, 1})
      for (std::uint64_t time = 0; time <= repeats; ++time)
        expected.insert(expected.end(), once.begin() + 6 * round,
                        once.begin() + 6 * (round + 1));
    EXPECT_EQ(keys_with(Verdict::noisy, plan, {}), expected);
    EXPECT_EQ(keys_with(Verdict::unsteady, plan, {}), expected);
    for (const Verdict other : {Verdict::valid, Verdict::client_bound,
                                Verdict::overloaded, Verdict::corrupt, Verdict::failed})
      EXPECT_EQ(keys_with(other, plan, {}), once);
  }
}

TEST(CampaignOrder, goes_on_in_the_midst_of_repeats) {
  CampaignPlan plan = plan_of_twelve();
  plan.repeats = 2;
  const auto all = keys_with(Verdict::noisy, plan, {});
  std::vector<CampaignRow> rows;
  CampaignOrder order(plan);
  for (const auto& [round, contestant, level] : all) {
    EXPECT_EQ(keys_with(Verdict::noisy, plan, rows), all) << rows.size();
    CampaignRow row = row_at({contestant, level, round});
    row.trial.judgement.verdict = Verdict::noisy;
    row.excluded = order.excluded_because(row);
    order.ran(row);
    rows.push_back(row);
  }
}

TEST(CampaignOrder, repeats_no_more_than_half_where_all_is_noisy) {
  CampaignPlan plan = plan_of_twelve();
  plan.rounds = 10;
  plan.repeats = 2;
  EXPECT_EQ(keys_with(Verdict::noisy, plan, {}).size(), 60U + 30U);
}

TEST(CampaignOrder, foresees_as_many_repeats_as_there_were_so_far) {
  CampaignPlan plan = plan_of_twelve();
  plan.rounds = 10;  // 60 places
  plan.repeats = 1;
  CampaignOrder order(plan);
  const auto cost = [](std::size_t level) { return level == 0 ? 1.0 : 3.0; };
  EXPECT_DOUBLE_EQ(order.cost_left(cost, 10), 120);
  EXPECT_DOUBLE_EQ(order.cost_left(cost, 1), 12);
  for (int i = 0; i < 12; ++i) {  // two rounds without a repeat
    const auto place = order.next();
    ASSERT_TRUE(place);
    order.ran(row_at(*place));
  }
  EXPECT_DOUBLE_EQ(order.cost_left(cost, 10), 96) << "nothing was repeated";
  for (int i = 0; i < 6; ++i) {  // a round of which all is to be repeated
    CampaignRow row = row_at(*order.next());
    row.excluded = "repeated because NOISY";
    order.ran(row);
  }
  // 6 of 18 trials. What was tried once is not repeated again: 12, and 84 for the other
  // rounds, of which a third more.
  EXPECT_DOUBLE_EQ(order.cost_left(cost, 10), 12 + 84 + 84 / 3.0);
  EXPECT_DOUBLE_EQ(order.cost_left(cost, 3), 12);
  plan.repeats = 0;
  EXPECT_DOUBLE_EQ(CampaignOrder(plan).cost_left(cost, 10), 120);
}

TEST(CampaignOrder, foresees_no_more_repeats_than_there_may_be) {
  CampaignPlan plan = plan_of_twelve();
  plan.rounds = 10;
  plan.repeats = 2;
  CampaignOrder order(plan);
  const auto one = [](std::size_t) { return 1.0; };
  for (int i = 0; i < 24; ++i) {
    CampaignRow row = row_at(*order.next());
    row.trial.judgement.verdict = Verdict::noisy;
    row.excluded = order.excluded_because(row);
    order.ran(row);
  }
  // A round took 18 trials, 12 of them excluded; the next has 6 that are: 18 of the 30
  // that may be.
  EXPECT_EQ(order.missing().size(), 54U);
  EXPECT_DOUBLE_EQ(order.cost_left(one, 10), 54 + 12);
}

}  // namespace
}  // namespace echolab
