// The interval of the median is that of the tables, and holds what it promises.

#include "bench/inference.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "clients/draw.hpp"

namespace echolab {
namespace {

/// n, n - 1, … 1.
std::vector<double> counted_down(std::size_t n) {
  std::vector<double> figures(n);
  std::iota(figures.rbegin(), figures.rend(), 1.0);
  return figures;
}

TEST(Inference, MedianIntervalHasTheRanksOfTheTables) {
  // Conover, Practical Nonparametric Statistics, 3.2: ranks for 95 %
  const std::vector<std::pair<std::size_t, std::pair<double, double>>> tables = {
      {6, {1, 6}},   {8, {1, 8}},   {9, {2, 8}},   {10, {2, 9}},
      {15, {4, 12}}, {20, {6, 15}}, {25, {8, 18}}, {100, {40, 61}}};
  for (const auto& [n, ranks] : tables) {
    const auto interval = median_interval(counted_down(n));
    ASSERT_TRUE(interval) << n;
    EXPECT_EQ(interval->low, ranks.first) << n;
    EXPECT_EQ(interval->high, ranks.second) << n;
    EXPECT_EQ(interval->middle, static_cast<double>(n + 1) / 2) << n;
  }
}

TEST(Inference, FewerThanSixHaveNoInterval) {
  for (std::size_t n = 0; n < 6; ++n) {
    EXPECT_EQ(median_interval_rank(n), 0) << n;
    EXPECT_FALSE(median_interval(counted_down(n))) << n;
  }
  EXPECT_TRUE(median_interval(counted_down(6)));
}

TEST(Inference, IntervalHoldsTheMedianOfASkewedLawAsOftenAsItSays) {
  Draw draw(3);
  constexpr int cases = 4000;
  const double least = 0.95 - 3 * std::sqrt(0.95 * 0.05 / cases);
  for (std::size_t n = 6; n <= 12; ++n) {
    int held = 0;
    for (int i = 0; i < cases; ++i) {
      std::vector<double> figures(n);
      std::ranges::generate(figures, [&] { return draw.exponential(); });
      const auto interval = median_interval(figures);
      held += interval->low <= std::log(2) && std::log(2) <= interval->high;
    }
    EXPECT_GT(held, least * cases) << n;
  }
}

TEST(Inference, SignedRanksHaveThePOfTheTables) {
  EXPECT_DOUBLE_EQ(signed_rank_p({-3, 1, 2, 4, 5, 6, 7, 8}), 10.0 / 256);  // sum 3
  EXPECT_DOUBLE_EQ(signed_rank_p({1, 2, 3, 4, 5, 6}), 2.0 / 64);
  EXPECT_DOUBLE_EQ(signed_rank_p({0, 1, 0, 2, 3, 4, 5, 6}), 2.0 / 64);  // zeros left out
  EXPECT_DOUBLE_EQ(signed_rank_p({0, 0}), 1);
  EXPECT_DOUBLE_EQ(signed_rank_p({}), 1);
}

TEST(Inference, HolmCorrectsTheSmallestMost) {
  const auto corrected = holm({0.03, 0.01, 0.04, 0.9});
  const std::vector<double> by_hand = {0.09, 0.04, 0.09, 0.9};
  for (std::size_t i = 0; i < by_hand.size(); ++i)
    EXPECT_DOUBLE_EQ(corrected[i], by_hand[i]);
}

TEST(Inference, MoreRatiosNeedMoreRounds) {
  const std::vector<std::size_t> needed = {6, 7, 7, 8, 8, 8, 9};  // of 1, 2, … 7
  for (std::size_t i = 0; i < needed.size(); ++i)
    EXPECT_EQ(rounds_needed(i + 1), needed[i]) << i + 1;
  const auto of = [](std::size_t rounds, std::size_t ratios) {
    return judge(std::vector(ratios, std::vector(rounds, 1.5)), 1.02).front();
  };
  EXPECT_EQ(of(8, 6), Shown::different);
  EXPECT_EQ(of(8, 7), Shown::too_few);
  EXPECT_EQ(of(9, 7), Shown::different);
}

}  // namespace
}  // namespace echolab
