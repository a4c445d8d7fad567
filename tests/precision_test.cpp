// A campaign may stop when its ratios are known well, and that is no way to fool oneself.

#include "bench/precision.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "bench/inference.hpp"
#include "clients/draw.hpp"

namespace echolab {
namespace {

using Ratios = std::vector<double>;

/// n ratios whose median is 1.5 and whose interval, for n from 6 to 8, is all of them.
Ratios spread(std::size_t n, double width) {
  Ratios ratios(n, 1.5);
  ratios.front() = 1.5 / (1 + width);
  ratios.back() = 1.5 * (1 + width);
  return ratios;
}

TEST(Precision, HalfWidthIsThatOfTheFartherEnd) {
  EXPECT_NEAR(half_width(spread(6, 0.04)).value(), 0.04, 1e-12);
  Ratios lopsided = spread(6, 0.04);
  lopsided.front() = 0.75;
  EXPECT_NEAR(half_width(lopsided).value(), 1.0, 1e-12);
  EXPECT_FALSE(half_width(spread(5, 0.04)));
}

TEST(Precision, HalfWidthIsTheSameWhicheverIsTheBaseline) {
  const Ratios ratios = {1.1, 1.3, 1.2, 1.25, 1.21, 1.6, 1.22};
  Ratios inverse;
  for (const double ratio : ratios) inverse.push_back(1 / ratio);
  EXPECT_NEAR(half_width(ratios).value(), half_width(inverse).value(), 1e-12);
}

TEST(Precision, WhatWasMissedIsNamedTheWidestFirst) {
  const std::vector<RatioSeries> all = {{"select_loop at 1", spread(6, 0.02)},
                                        {"select_loop at 1000", spread(6, 0.07)},
                                        {"fork_per_client at 1000", spread(7, 0.124)},
                                        {"broken at 1", spread(2, 0.01)}};
  const Precision precision = precision_of(all, 0.03);
  EXPECT_FALSE(precision.is_reached());
  EXPECT_EQ(precision_text(precision),
            "precise to 3 %: 1 of 4 ratios; missed: broken at 1 (fewer than 6 rounds), "
            "fork_per_client at 1000 (± 12 %), select_loop at 1000 (± 7 %)");
}

TEST(Precision, AllThatWasWantedIsSaidShortly) {
  const std::vector<RatioSeries> one = {{"select_loop at 1", spread(6, 0.0249)}};
  EXPECT_EQ(precision_text(precision_of(one, 0.025)), "precise to 2.5 %: 1 of 1 ratio");
  EXPECT_TRUE(precision_of(one, 0.025).is_reached());
}

TEST(Precision, OfManyThatWereMissedTheFirstAreNamed) {
  const std::vector<RatioSeries> all(9, {"prefork at 10", spread(6, 0.3)});
  EXPECT_TRUE(precision_text(precision_of(all, 0.03))
                  .ends_with("prefork at 10 (± 30 %) and 4 more"));
}

TEST(Precision, StopsWhenAllAreNarrowTwoRoundsInARow) {
  EXPECT_FALSE(may_stop({{"a", spread(6, 0.01)}}, 0.03)) << "there was no round before";
  EXPECT_TRUE(may_stop({{"a", spread(7, 0.01)}}, 0.03));
  EXPECT_FALSE(may_stop({{"a", spread(7, 0.01)}, {"b", spread(7, 0.05)}}, 0.03));
  // 9 figures leave out one at either end, 8 do not: narrow for the first time.
  EXPECT_FALSE(may_stop({{"a", {1, 1, 1, 1, 1, 1, 1, 1.5, 1}}}, 0.03));
  EXPECT_TRUE(may_stop({{"a", {1, 1, 1, 1, 1, 1, 1, 1.5, 1, 1}}}, 0.03));
  EXPECT_FALSE(may_stop({}, 0.03));
}

/// A ratio of 1 with noise: Student's t with 3 degrees of freedom, in logarithms. Its
/// outliers are those of a machine that others use, too.
double noisy_ratio(Draw& draw, double noise) {
  const auto normal = [&] {  // Box and Muller 1958
    return std::sqrt(2 * draw.exponential()) *
           std::cos(2 * std::numbers::pi * draw.uniform());
  };
  double squares = 0;
  for (int i = 0; i < 3; ++i) squares += std::pow(normal(), 2);
  return std::exp(noise * normal() / std::sqrt(squares / 3));
}

struct Simulated {
  double held = 0;    ///< share of the intervals that held the truth
  double rounds = 0;  ///< mean
};

/// Campaigns with one ratio and up to 30 rounds, each ended by `enough`.
template <class Enough>
Simulated campaigns(double noise, std::size_t number, Enough enough) {
  Draw draw(11);
  Simulated all;
  for (std::size_t i = 0; i < number; ++i) {
    std::vector<RatioSeries> series = {{"a", {}}};
    Ratios& ratios = series.front().by_round;
    do {
      ratios.push_back(noisy_ratio(draw, noise));
    } while (ratios.size() < 30 && !enough(series));
    const auto interval = median_interval(ratios);
    all.held += interval->low <= 1 && 1 <= interval->high;
    all.rounds += static_cast<double>(ratios.size());
  }
  all.held /= static_cast<double>(number);
  all.rounds /= static_cast<double>(number);
  return all;
}

TEST(Precision, StoppingEarlyLeavesTheIntervalsTrue) {
  constexpr std::size_t number = 4000;
  const double least = 0.95 - 3 * std::sqrt(0.95 * 0.05 / number);
  for (const double noise : {0.01, 0.02, 0.03, 0.04, 0.05}) {
    const Simulated stopped = campaigns(
        noise, number, [](const auto& series) { return may_stop(series, 0.03); });
    EXPECT_GT(stopped.held, least) << noise;
    EXPECT_LT(stopped.rounds, 28) << noise << ": stopping early is what is tested";
  }
}

TEST(Precision, StoppingAtTheFirstNarrowIntervalWouldNot) {
  constexpr std::size_t number = 4000;
  const double least = 0.95 - 3 * std::sqrt(0.95 * 0.05 / number);
  const Simulated stopped = campaigns(0.05, number, [](const auto& series) {
    return precision_of(series, 0.03).is_reached();
  });
  EXPECT_LT(stopped.held, least);
}

}  // namespace
}  // namespace echolab
