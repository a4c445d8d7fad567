// What a schedule promises: the process of arrivals that it is called by, one for all of
// its stripes, the same from one seed, exact however long it goes on.

#include "clients/schedule.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "common/error.hpp"
#include "tests/goodness_of_fit.hpp"

namespace echolab {
namespace {

using Moments = std::vector<std::int64_t>;

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int64_t day_ns = 24 * 3'600 * second_ns;
constexpr std::size_t many = 100'000;

ArrivalPlan plan_of(const std::string& arrivals, const std::string& rate,
                    const std::string& on_off = "") {
  ArrivalOptions options;
  options.arrivals = arrivals;
  options.rate = rate;
  options.on_off = on_off;
  return parse_arrivals(options);
}

ArrivalPlan ramp_of(const std::string& arrivals, const std::string& rates,
                    std::int64_t begin_ns, std::int64_t length_ns) {
  ArrivalPlan plan = plan_of(arrivals, rates);
  plan.ramp_begin_ns = begin_ns;
  plan.ramp_ns = length_ns;
  return plan;
}

/// Every kind of plan.
std::vector<ArrivalPlan> plans() {
  return {plan_of("fixed", "3k"),
          plan_of("poisson", "10k"),
          plan_of("gamma:10", "10k"),
          plan_of("gamma:0.1", "10k"),
          plan_of("fixed", "7k", "3ms/11ms"),
          plan_of("poisson", "7k", "3ms/11ms"),
          ramp_of("fixed", "1k..9k", second_ns / 2, 3 * second_ns / 2),
          ramp_of("poisson", "9k..1k", second_ns / 2, 3 * second_ns / 2)};
}

/// The next moment, and goes on; the greatest number when there is none.
std::int64_t taken(Schedule& schedule) {
  const auto moment = schedule.peek();
  schedule.pop();
  return moment.value_or(std::numeric_limits<std::int64_t>::max());
}

Moments first(Schedule schedule, std::size_t n) {
  Moments moments(n);
  for (std::int64_t& moment : moments) moment = taken(schedule);
  return moments;
}

Moments before(Schedule schedule, std::int64_t end_ns) {
  Moments moments;
  for (std::int64_t t = taken(schedule); t < end_ns; t = taken(schedule))
    moments.push_back(t);
  return moments;
}

/// Gaps between the moments times the rate: of mean 1.
std::vector<double> unit_gaps(const ArrivalPlan& plan, std::uint64_t seed) {
  const Moments moments = first(Schedule(plan, seed), many + 1);
  std::vector<double> gaps(many);
  for (std::size_t i = 0; i < many; ++i)
    gaps[i] = static_cast<double>(moments[i + 1] - moments[i]) * plan.rate / 1e9;
  return gaps;
}

/// How many moments lie in each window of this length, up to the end.
std::vector<std::uint64_t> counts_in(const Moments& moments, std::int64_t window_ns,
                                     std::int64_t end_ns) {
  std::vector<std::uint64_t> counts(static_cast<std::size_t>(end_ns / window_ns));
  for (const std::int64_t moment : moments)
    ++counts.at(static_cast<std::size_t>(moment / window_ns));
  return counts;
}

double correlation(const std::vector<double>& values, std::size_t distance) {
  double mean = 0;
  for (const double value : values) mean += value / static_cast<double>(values.size());
  double squares = 0;
  double products = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    squares += (values[i] - mean) * (values[i] - mean);
    if (i >= distance) products += (values[i] - mean) * (values[i - distance] - mean);
  }
  return products / squares;
}

/// A count of Poisson's law, of so many or more that it is nearly normal.
void expect_count(std::size_t count, double expected) {
  ASSERT_GT(expected, 1'000);
  EXPECT_NEAR(static_cast<double>(count), expected, normal_bound * std::sqrt(expected));
}

TEST(Schedule, GapsFollowTheLawThatIsAskedForAndNoOther) {
  const std::vector<double> cvs{0.5, 0.9, 1, 1.1, 1.5};
  for (const double given : cvs) {
    const bool exponential = given == 1;
    const auto gaps = unit_gaps(
        plan_of(exponential ? "poisson" : "gamma:" + std::to_string(given), "1"), 1);
    for (const double claimed : cvs)
      EXPECT_EQ(fits(gaps, gamma_cdf(1 / claimed / claimed)), given == claimed)
          << given << " as " << claimed;
  }
  EXPECT_FALSE(fits(unit_gaps(plan_of("fixed", "1k"), 1), gamma_cdf(1)));
}

TEST(Schedule, GapsDoNotFollowFromThoseBefore) {
  const double bound = normal_bound / std::sqrt(static_cast<double>(many));
  for (const char* law : {"poisson", "gamma:2", "gamma:0.5"}) {
    const auto gaps = unit_gaps(plan_of(law, "1k"), 2);
    for (const std::size_t distance : {1u, 2u, 3u, 7u})
      EXPECT_LT(std::fabs(correlation(gaps, distance)), bound) << law << distance;
  }
  auto dependent = unit_gaps(plan_of("poisson", "1k"), 2);
  for (std::size_t i = 1; i < many; ++i) dependent[i] += 0.05 * dependent[i - 1];
  EXPECT_GT(correlation(dependent, 1), bound);
}

TEST(Schedule, PoissonCountsInWindowsArePoissonCounts) {
  constexpr double mean = 5;  // 10k/s, 500 us
  constexpr std::size_t windows = 100'000;
  constexpr std::int64_t window_ns = 500'000;
  constexpr std::int64_t end_ns = window_ns * static_cast<std::int64_t>(windows);
  constexpr std::size_t classes = 15;  // the last: all from 14 on, 70 expected
  std::vector<double> expected(classes);
  double rest = windows;
  double term = windows * std::exp(-mean);
  for (std::size_t k = 0; k + 1 < classes; term *= mean / static_cast<double>(++k)) {
    expected[k] = term;
    rest -= term;
  }
  expected.back() = rest;
  for (const char* law : {"poisson", "fixed", "gamma:1.05", "gamma:0.95", "gamma:10"}) {
    const bool poisson = law == std::string("poisson");
    const auto counts =
        counts_in(before(Schedule(plan_of(law, "10k"), 3), end_ns), window_ns, end_ns);
    std::vector<std::uint64_t> found(classes);
    for (const std::uint64_t count : counts) ++found[std::min(count, classes - 1)];
    EXPECT_EQ(fits_classes(found, expected), poisson) << law;
    EXPECT_EQ(varies_as_poisson(counts), poisson) << law;
  }
}

// Renewal theory: counts of a long time have the variance rate t cv² (Cox 1962).
TEST(Schedule, TheRateIsTheOneAskedFor) {
  for (const auto& [law, cv] :
       {std::pair("fixed", 0.0), std::pair("poisson", 1.0), std::pair("gamma:0.1", 0.1),
        std::pair("gamma:10", 10.0)}) {
    const auto count = before(Schedule(plan_of(law, "10k"), 4), 100 * second_ns).size();
    EXPECT_NEAR(static_cast<double>(count), 1e6, normal_bound * cv * 1e3) << law;
  }
}

TEST(Schedule, MomentsAscendFromTheBeginOn) {
  for (const ArrivalPlan& plan : plans()) {
    const Moments moments = first(Schedule(plan, 5), 30'000);
    EXPECT_TRUE(std::ranges::is_sorted(moments)) << plan.text();
    EXPECT_GE(moments.front(), 0) << plan.text();
  }
}

// (2 k 10^9 + rate) / (2 rate) is k 10^9 / rate, rounded.
TEST(Schedule, FixedArrivalsComeAtTheNanosecondOfTheirNumber) {
  for (const std::uint64_t rate :
       {1u, 3u, 7u, 997u, 48'000u, 333'333u, 1'000'000u, 4'999'999u}) {
    ArrivalPlan plan;
    plan.law = ArrivalPlan::Law::fixed;
    plan.rate = static_cast<double>(rate);
    for (const std::size_t stripes : {1u, 1'009u}) {
      Schedule schedule(plan, 6, stripes / 2, stripes);
      for (std::uint64_t k = stripes / 2; k < 10'000 * stripes; k += stripes)
        ASSERT_EQ(taken(schedule),
                  static_cast<std::int64_t>((2 * k * 1'000'000'000 + rate) / (2 * rate)))
            << k << " at " << rate;
    }
  }
}

TEST(Schedule, FixedArrivalsAreExactAfterADay) {
  constexpr std::uint64_t rate = 997;
  constexpr std::uint64_t stripes = 1'009;
  Schedule schedule(plan_of("fixed", "997"), 6, 0, stripes);
  std::int64_t last_ns = 0;
  for (std::uint64_t k = 0; last_ns < day_ns; k += stripes) {
    last_ns = taken(schedule);
    ASSERT_EQ(last_ns,
              static_cast<std::int64_t>((2 * k * 1'000'000'000 + rate) / (2 * rate)))
        << k;
  }
}

/// The moments of a day, held against a sum of the same gaps in long doubles; `moment` is
/// the integral's inverse, in seconds.
template <class Moment>
void expect_exact_for_a_day(const ArrivalPlan& plan, const Moment& moment) {
  Schedule schedule(plan, 7);
  Draw draw(7);
  long double sum = 0;
  for (std::int64_t last_ns = 0; last_ns < day_ns;) {
    last_ns = taken(schedule);
    sum += draw.exponential();
    const std::int64_t expected_ns = std::llround(moment(sum) * 1e9L);
    ASSERT_LE(std::abs(last_ns - expected_ns), 1) << plan.text() << " at " << last_ns;
  }
}

TEST(Schedule, ADayOfPoissonArrivalsIsExactToANanosecond) {
  expect_exact_for_a_day(plan_of("poisson", "70"),
                         [](long double sum) { return sum / 70; });
}

TEST(Schedule, ADayOfBurstsIsExactToANanosecond) {
  expect_exact_for_a_day(plan_of("poisson", "70", "100ms/900ms"), [](long double sum) {
    const long double cycles = std::floor(sum / 70);
    return cycles + (sum - 70 * cycles) / 700;
  });
}

TEST(Schedule, ADayOfARampIsExactToANanosecond) {
  constexpr long double day = 24 * 3'600;
  expect_exact_for_a_day(ramp_of("poisson", "20..120", 0, day_ns), [](long double sum) {
    const long double slope = 100 / day;
    return 2 * sum / (20 + std::sqrt(400 + 2 * slope * sum));
  });
}

TEST(Schedule, BurstsKeepTheMeanRateAndTheSilence) {
  constexpr std::int64_t on_ns = 100'000'000;
  constexpr std::int64_t cycle_ns = 10 * on_ns;
  constexpr std::int64_t end_ns = 500 * cycle_ns;
  const Moments moments =
      before(Schedule(plan_of("poisson", "1k", "100ms/900ms"), 8), end_ns);
  expect_count(moments.size(), 500'000);
  std::vector<std::uint64_t> bursts;
  const auto counts = counts_in(moments, on_ns, end_ns);
  for (std::size_t i = 0; i < counts.size(); ++i)
    if (i % 10 == 0)
      bursts.push_back(counts[i]);
    else
      ASSERT_EQ(counts[i], 0u) << i;
  EXPECT_TRUE(varies_as_poisson(bursts));
  EXPECT_FALSE(varies_as_poisson(counts));
  // A tenth of the windows has M = 1 000 expected: the variance is M/10 + 9 M²/100.
  EXPECT_NEAR(dispersion(counts), 1 + 0.9 * 1'000, 0.01 * 900);
}

TEST(Schedule, MomentsWithinABurstAreUniform) {
  constexpr double on_ns = 2.5e9;  // of several pieces, and no whole number of them
  constexpr std::int64_t cycle_ns = 2'700'000'000;
  std::vector<double> inside;
  for (const std::int64_t moment :
       before(Schedule(plan_of("poisson", "400", "2500ms/200ms"), 9), 100 * cycle_ns))
    inside.push_back(static_cast<double>(moment % cycle_ns) / on_ns);
  EXPECT_TRUE(fits(inside, [](double x) { return x; }));
  EXPECT_FALSE(fits(inside, [](double x) { return std::pow(x, 1.05); }));
}

TEST(Schedule, FixedBurstsAreAllAlike) {
  const Moments moments =
      before(Schedule(plan_of("fixed", "1k", "100ms/900ms"), 1), 20 * second_ns);
  ASSERT_EQ(moments.size(), 20'000u);
  for (std::size_t k = 0; k < moments.size(); ++k)
    ASSERT_EQ(moments[k], static_cast<std::int64_t>(k / 1'000) * second_ns +
                              static_cast<std::int64_t>(k % 1'000) * 100'000);
}

/// Counts of a ramp of rates a … b over 20 s that begins after 5 s.
void expect_ramp(const std::string& rates, double a, double b) {
  constexpr std::int64_t begin_ns = 5 * second_ns + 1;
  constexpr std::int64_t length_ns = 20 * second_ns;
  const Moments moments = before(
      Schedule(ramp_of("poisson", rates, begin_ns, length_ns), 10), 30 * second_ns);
  const auto within = [&](std::int64_t from_ns, std::int64_t to_ns) {
    return static_cast<std::size_t>(
        std::ranges::lower_bound(moments, begin_ns + to_ns) -
        std::ranges::lower_bound(moments, begin_ns + from_ns));
  };
  expect_count(within(-begin_ns, 0), 5 * a);
  expect_count(within(0, length_ns / 2), 10 * (3 * a + b) / 4);
  expect_count(within(length_ns / 2, length_ns), 10 * (a + 3 * b) / 4);
  expect_count(within(length_ns, length_ns + 4 * second_ns), 4 * b);
  std::vector<double> shares;
  for (const std::int64_t moment : moments)
    if (moment >= begin_ns && moment < begin_ns + length_ns)
      shares.push_back(static_cast<double>(moment - begin_ns) / length_ns);
  EXPECT_TRUE(fits(
      shares, [&](double x) { return (a * x + (b - a) * x * x / 2) / ((a + b) / 2); }));
  EXPECT_FALSE(fits(shares, [](double x) { return x; }));
}

TEST(Schedule, ARampRises) {
  expect_ramp("1k..10k", 1e3, 1e4);
}

TEST(Schedule, ARampFalls) {
  expect_ramp("10k..500", 1e4, 500);
}

TEST(Schedule, ARampWithoutLengthIsAStep) {
  Schedule schedule(ramp_of("fixed", "1k..2k", second_ns, 0), 1);
  const Moments moments = before(schedule, 2 * second_ns);
  ASSERT_EQ(moments.size(), 3'000u);
  EXPECT_EQ(moments[999], 999'000'000);
  EXPECT_EQ(moments[1'000], second_ns);
  EXPECT_EQ(moments[1'001], second_ns + 500'000);
}

TEST(Schedule, StripesAreOneProcess) {
  for (const ArrivalPlan& plan : plans()) {
    const Moments all = first(Schedule(plan, 11), 21'000);
    for (const std::size_t stripes : {1u, 2u, 3u, 7u})
      for (std::size_t stripe = 0; stripe < stripes; ++stripe) {
        Schedule schedule(plan, 11, stripe, stripes);
        for (std::size_t k = stripe; k < all.size(); k += stripes)
          ASSERT_EQ(taken(schedule), all[k]) << plan.text() << k << " of " << stripes;
      }
  }
}

TEST(Schedule, OneSeedIsOneScheduleAndAnotherIsAnother) {
  for (const ArrivalPlan& plan : plans()) {
    const Moments moments = first(Schedule(plan, 12), 1'000);
    EXPECT_EQ(moments, first(Schedule(plan, 12), 1'000)) << plan.text();
    const bool by_chance = plan.law != ArrivalPlan::Law::fixed;
    EXPECT_EQ(moments != first(Schedule(plan, 13), 1'000), by_chance) << plan.text();
  }
}

// So that a schedule of old can be repeated from its seed.
TEST(Schedule, TheMomentsOfASeedStayAsTheyWere) {
  EXPECT_EQ(first(Schedule(plan_of("poisson", "10k"), 1), 4),
            (Moments{5'809, 315'349, 340'524, 492'340}));
  EXPECT_EQ(first(Schedule(plan_of("gamma:2", "10k"), 1), 4),
            (Moments{106'976, 134'722, 874'464, 1'048'510}));
}

TEST(Schedule, CopiesContinueAlike) {
  for (const ArrivalPlan& plan : plans()) {
    Schedule schedule(plan, 14, 1, 2);
    for (int i = 0; i < 1'234; ++i) schedule.pop();
    const Schedule copy = schedule;
    EXPECT_EQ(copy.popped(), 1'234u);
    EXPECT_EQ(first(schedule, 5'000), first(copy, 5'000)) << plan.text();
  }
}

TEST(Schedule, CountsWhatWasPassed) {
  Schedule schedule(plan_of("poisson", "1k"), 1);
  EXPECT_EQ(schedule.popped(), 0u);
  const auto moment = schedule.peek();
  EXPECT_EQ(schedule.peek(), moment);
  schedule.pop();
  EXPECT_EQ(schedule.popped(), 1u);
  EXPECT_GT(schedule.peek(), moment);
}

TEST(Schedule, NeedsARateAndOneShape) {
  EXPECT_THROW(Schedule(ArrivalPlan(), 1), std::invalid_argument);
  ArrivalPlan plan = plan_of("poisson", "1k..2k");
  plan.on_ns = plan.off_ns = second_ns;
  EXPECT_THROW(Schedule(plan, 1), std::invalid_argument);
}

}  // namespace
}  // namespace echolab
