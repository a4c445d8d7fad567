// Steadiness: a drift that a user would see is found, and a steady rate is not called
// one.

#include "clients/steadiness.hpp"

#include <gtest/gtest.h>

#include <random>

#include "clients/load_report.hpp"

namespace echolab {
namespace {

constexpr int simulated_runs = 1'000;

/// Poisson counts around `mean(part)`, 0 … 63.
template <class Mean>
WindowParts counts(std::mt19937_64& random, Mean mean) {
  WindowParts parts{};
  for (std::size_t i = 0; i < parts.size(); ++i)
    if (mean(i) > 0) parts[i] = std::poisson_distribution<std::uint64_t>(mean(i))(random);
  return parts;
}

template <class Mean>
int drifts_in(Mean mean) {
  std::mt19937_64 random(7);
  int found = 0;
  for (int run = 0; run < simulated_runs; ++run)
    found += drift(counts(random, mean)).has_value() ? 1 : 0;
  return found;
}

TEST(Drift, IsNotFoundInASteadyRate) {
  for (const double mean : {20.0, 1'000.0})
    EXPECT_LE(drifts_in([&](std::size_t) { return mean; }), simulated_runs / 100) << mean;
}

TEST(Drift, OfAThirdIsFound) {
  const auto rising = [](std::size_t i) {
    return 1'000.0 * (1 + 0.30 * static_cast<double>(i) / 63);
  };
  EXPECT_GE(drifts_in(rising), simulated_runs * 99 / 100);
  const auto falling = [](std::size_t i) {
    return 1'000.0 * (1 - 0.30 * static_cast<double>(i) / 63);
  };
  EXPECT_GE(drifts_in(falling), simulated_runs * 99 / 100);
}

TEST(Drift, ThatNobodyWouldSeeIsNone) {
  const auto slight = [](std::size_t i) {
    return 1e6 * (1 + 0.05 * static_cast<double>(i) / 63);
  };
  EXPECT_EQ(drifts_in(slight), 0);
}

/// One pause, as a noisy neighbour makes, is no trend.
TEST(Drift, IsNotASinglePause) {
  const auto paused = [](std::size_t i) { return i == 40 || i == 41 ? 0.0 : 1'000.0; };
  EXPECT_LE(drifts_in(paused), simulated_runs / 100);
}

TEST(Drift, IsNotLookedForAmongTooFewReplies) {
  const auto few = [](std::size_t i) { return static_cast<double>(i) / 4; };
  EXPECT_EQ(drifts_in(few), 0);
}

TEST(Drift, IsUnsteadyWhereTheLoadIsAloneAndElseAWarning) {
  LoadPlan plan;
  LoadResult result;
  result.seconds = 1;
  result.requests = 64'000;
  result.requests_per_connection = {64'000};
  for (std::size_t i = 0; i < result.parts.size(); ++i) result.parts[i] = 900 + 10 * i;
  Judgement judgement = judge(plan, result);
  EXPECT_EQ(judgement.verdict, Verdict::valid) << judgement.reason;
  ASSERT_EQ(judgement.warnings.size(), 1U);
  EXPECT_NE(judgement.warnings[0].find("30 % more in the second half"), std::string::npos)
      << judgement.warnings[0];
  plan.is_alone = true;
  judgement = judge(plan, result);
  EXPECT_EQ(judgement.verdict, Verdict::unsteady);
  EXPECT_EQ(exit_code_of(judgement.verdict), ExitCode::unsteady);
  plan.workload.arrivals.emplace();
  EXPECT_EQ(judge(plan, result).verdict, Verdict::valid) << "arrivals have a rate anyway";
}

TEST(PartCounter, CountsEachReplyWhereItCame) {
  PartCounter counter;
  counter.count(5);  // no window: all in one
  counter.begin(1'000, 6'400);
  counter.count(1'000);
  counter.count(1'099);
  counter.count(1'100);
  counter.count(7'399);
  counter.count(9'999);  // late: the last one's
  EXPECT_EQ(counter.parts()[0], 3U);
  EXPECT_EQ(counter.parts()[1], 1U);
  EXPECT_EQ(counter.parts()[63], 2U);
}

}  // namespace
}  // namespace echolab
