// The interval of the median is that of the tables, and holds what it promises.

#include "bench/inference.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "bench/sign_flips.hpp"
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

RatiosByRound by_round(const std::vector<double>& figures) {
  RatiosByRound ratios;
  for (std::size_t round = 0; round < figures.size(); ++round)
    ratios[round] = figures[round];
  return ratios;
}

/// The least p is that of all rounds on one side: 2 / 2^n, however many ratios there are.
TEST(SignFlips, OfAllRoundsOnOneSideAreOneInAsManyWaysAsThereAre) {
  for (std::size_t n = 1; n <= 12; ++n) {
    const std::vector<RatiosByRound> family(5, by_round(std::vector(n, 1.5)));
    for (const double p : sign_flip_p(family))
      EXPECT_DOUBLE_EQ(p, std::exp2(1 - static_cast<double>(n))) << n;
  }
  EXPECT_DOUBLE_EQ(sign_flip_p({by_round({1, 1, 1})}).front(), 1);
  EXPECT_DOUBLE_EQ(sign_flip_p(std::vector<RatiosByRound>(1)).front(), 1);
  EXPECT_TRUE(sign_flip_p({}).empty());
}

/// e^1, e^2, e^-1: the sum 2 is reached by 1 + 2 - 1, 1 + 2 + 1 and -1 + 2 + 1, of 4
/// ways.
TEST(SignFlips, OfOneRatioAreTheWaysInWhichItIsAsOneSided) {
  const auto p = sign_flip_p({by_round({std::exp(1), std::exp(2), std::exp(-1)})});
  EXPECT_DOUBLE_EQ(p.front(), 0.75);
}

/// What chance makes of many, it does not make of one; and what is shown to be no chance
/// leaves the others.
TEST(SignFlips, OfManyRatiosAreMoreThanOfOne) {
  Draw draw(5);
  const auto noise = [&] {
    std::vector<double> figures(9);
    std::ranges::generate(figures, [&] { return std::exp(draw.uniform() - 0.5); });
    return by_round(figures);
  };
  const auto some = by_round({1.3, 1.5, 1.2, 1.4, 1.3, 0.97, 1.2, 1.5, 1.4});
  std::vector<RatiosByRound> family = {some};
  const double alone = sign_flip_p(family).front();
  for (int i = 0; i < 20; ++i) family.push_back(noise());
  EXPECT_GT(sign_flip_p(family).front(), 2 * alone);
  const double among = sign_flip_p(family).front();
  family.push_back(by_round(std::vector(9, 3.0)));
  EXPECT_DOUBLE_EQ(sign_flip_p(family).back(), 1.0 / 256);
  EXPECT_DOUBLE_EQ(sign_flip_p(family).front(), among);
}

}  // namespace
}  // namespace echolab
