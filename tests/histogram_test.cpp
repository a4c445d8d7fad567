// The histogram's promises, held against vectors that keep every value.

#include "clients/histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>
#include <random>
#include <stdexcept>
#include <vector>

namespace echolab {
namespace {

using Values = std::vector<std::int64_t>;

constexpr std::int64_t exact_below = 2'048;
constexpr std::int64_t range_end = std::int64_t{1} << 37;

Histogram histogram_of(const Values& values) {
  Histogram histogram;
  for (const std::int64_t value : values) histogram.record(value);
  return histogram;
}

/// All magnitudes alike often, from 0 to beyond the range, as durations are.
Values random_values(std::mt19937_64& random, std::size_t count, int most_bits = 40) {
  Values values(count);
  for (std::int64_t& value : values) {
    const int bits = std::uniform_int_distribution<int>(0, most_bits)(random);
    value = static_cast<std::int64_t>(random() >> 1 & ((std::uint64_t{1} << bits) - 1));
  }
  return values;
}

/// The bucket that a value falls into; none for an overflow.
std::vector<Histogram::Bucket> bucket_of(std::int64_t value) {
  return histogram_of({value}).non_empty();
}

/// The least value that at least `per_mille` / 1 000 of all do not exceed.
std::int64_t sorted_quantile(Values values, std::uint64_t per_mille) {
  std::sort(values.begin(), values.end());
  const std::uint64_t rank = (values.size() * per_mille + 999) / 1'000;
  return values[std::max<std::uint64_t>(rank, 1) - 1];
}

TEST(Histogram, MergingIsRecordingBoth) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 30; ++round) {
    const Values a = random_values(random, random() % 3'000);
    const Values b = random_values(random, random() % 3'000);
    Values both = a;
    both.insert(both.end(), b.begin(), b.end());
    Histogram merged = histogram_of(a);
    merged.merge(histogram_of(b));
    ASSERT_TRUE(merged == histogram_of(both)) << "round " << round;
    Histogram other_way = histogram_of(b);
    other_way.merge(histogram_of(a));
    ASSERT_TRUE(other_way == merged) << "round " << round;
  }
}

// 2^53 ns are 104 days: 10 000 connections collect them in a quarter of an hour, and from
// there on a sum in doubles depends on the order.
TEST(Histogram, MergingIsExactHoweverLongTheSum) {
  const std::int64_t long_time = std::int64_t{1} << 53;
  Histogram merged = histogram_of({1, 1});
  merged.merge(histogram_of({long_time}));
  EXPECT_TRUE(merged == histogram_of({long_time, 1, 1}));
}

TEST(Histogram, MergingAnEmptyOneChangesNothing) {
  Histogram histogram = histogram_of({5, 70'000, range_end});
  histogram.merge(Histogram());
  EXPECT_TRUE(histogram == histogram_of({5, 70'000, range_end}));
  Histogram empty;
  empty.merge(histogram);
  EXPECT_TRUE(empty == histogram);
}

TEST(Histogram, IsExactBelow2048) {
  Values values(exact_below);
  std::iota(values.begin(), values.end(), 0);
  const auto found = histogram_of(values).non_empty();
  ASSERT_EQ(found.size(), values.size());
  for (std::size_t value = 0; value < found.size(); ++value) {
    ASSERT_EQ(found[value].lower_ns, value);
    ASSERT_EQ(found[value].upper_ns, value);
  }
}

// Every bucket above the exact ones, by its least and its greatest value: 1 024 an
// octave.
TEST(Histogram, BucketsJoinWithoutGapAndAreNarrowerThanAThousandth) {
  Histogram histogram;
  for (std::int64_t value = 0; value < exact_below; ++value) histogram.record(value);
  for (int octave = 1; octave <= 26; ++octave)
    for (std::int64_t step = exact_below / 2; step < exact_below; ++step) {
      histogram.record(step << octave);
      histogram.record(((step + 1) << octave) - 1);
    }
  EXPECT_EQ(histogram.overflow(), 0u);
  std::uint64_t expected_lower = 0;
  for (const auto& [lower, upper, count] : histogram.non_empty()) {
    ASSERT_EQ(lower, expected_lower);
    ASSERT_EQ(count, lower < exact_below ? 1u : 2u) << lower;
    ASSERT_LT(static_cast<double>(upper - lower),
              std::max(1.0, static_cast<double>(lower) * 0.001));
    expected_lower = upper + 1;
  }
  EXPECT_EQ(expected_lower, static_cast<std::uint64_t>(range_end));
}

TEST(Histogram, EveryValueLiesInItsBucket) {
  std::mt19937_64 random(2);
  for (const std::int64_t value : random_values(random, 500, 37)) {
    const auto buckets = bucket_of(value);
    ASSERT_EQ(buckets.size(), 1u) << value;
    ASSERT_LE(buckets[0].lower_ns, static_cast<std::uint64_t>(value));
    ASSERT_GE(buckets[0].upper_ns, static_cast<std::uint64_t>(value));
    ASSERT_EQ(buckets[0].count, 1u);
  }
}

TEST(Histogram, BoundariesFallWhereTheyShould) {
  EXPECT_EQ(bucket_of(0).at(0).upper_ns, 0u);
  EXPECT_EQ(bucket_of(2'047).at(0).lower_ns, 2'047u);
  EXPECT_EQ(bucket_of(2'047).at(0).upper_ns, 2'047u);
  EXPECT_EQ(bucket_of(2'048).at(0).lower_ns, 2'048u);
  EXPECT_EQ(bucket_of(2'048).at(0).upper_ns, 2'049u);
  EXPECT_EQ(bucket_of(range_end - 1).at(0).upper_ns,
            static_cast<std::uint64_t>(range_end - 1));
  EXPECT_EQ(histogram_of({range_end - 1}).overflow(), 0u);
  EXPECT_TRUE(bucket_of(range_end).empty());
  EXPECT_EQ(histogram_of({range_end}).overflow(), 1u);
}

TEST(Histogram, NegativeDurationsCountAsZero) {
  const Histogram histogram =
      histogram_of({-1, std::numeric_limits<std::int64_t>::min(), 7});
  EXPECT_TRUE(histogram == histogram_of({0, 0, 7}));
}

TEST(Histogram, OverflowIsCountedAndKeepsItsMaximum) {
  const std::int64_t greatest = std::numeric_limits<std::int64_t>::max();
  const Histogram histogram = histogram_of({10, range_end, greatest});
  EXPECT_EQ(histogram.count(), 3u);
  EXPECT_EQ(histogram.overflow(), 2u);
  EXPECT_EQ(histogram.max_ns(), static_cast<std::uint64_t>(greatest));
  EXPECT_EQ(histogram.non_empty().size(), 1u);
  EXPECT_EQ(histogram.quantile_ns(1), static_cast<std::uint64_t>(greatest));
}

TEST(Histogram, AQuantileInTheOverflowIsTheMaximum) {
  const Histogram histogram = histogram_of(Values(10, 3 * range_end));
  EXPECT_EQ(histogram.quantile_ns(0.5), static_cast<std::uint64_t>(3 * range_end));
}

TEST(Histogram, KnowsLeastGreatestAndMean) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 20; ++round) {
    const Values values = random_values(random, 1 + random() % 500);
    const Histogram histogram = histogram_of(values);
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    EXPECT_EQ(histogram.count(), values.size());
    EXPECT_EQ(histogram.min_ns(), static_cast<std::uint64_t>(*least));
    EXPECT_EQ(histogram.max_ns(), static_cast<std::uint64_t>(*most));
    const auto sum = std::accumulate(values.begin(), values.end(), std::int64_t{0});
    EXPECT_DOUBLE_EQ(histogram.mean_ns(),
                     static_cast<double>(sum) / static_cast<double>(values.size()));
  }
}

TEST(Histogram, AnEmptyOneHasNoQuantileAndZeroesElse) {
  const Histogram empty;
  EXPECT_EQ(empty.count(), 0u);
  EXPECT_EQ(empty.min_ns(), 0u);
  EXPECT_EQ(empty.max_ns(), 0u);
  EXPECT_EQ(empty.mean_ns(), 0);
  EXPECT_TRUE(empty.non_empty().empty());
  for (const double quantile : {0.0, 0.5, 0.99, 1.0})
    EXPECT_FALSE(empty.quantile_ns(quantile)) << quantile;
}

TEST(Histogram, QuantilesAreThoseOfTheSortedValuesWithinAThousandth) {
  std::mt19937_64 random(4);
  for (int round = 0; round < 20; ++round) {
    const Values values = random_values(random, 4'000 + random() % 1'000, 37);
    const Histogram histogram = histogram_of(values);
    for (const std::uint64_t per_mille :
         {1u, 10u, 250u, 500u, 900u, 990u, 999u, 1'000u}) {
      const auto right = static_cast<std::uint64_t>(sorted_quantile(values, per_mille));
      const auto found = histogram.quantile_ns(static_cast<double>(per_mille) / 1'000);
      ASSERT_TRUE(found);
      ASSERT_GE(*found, right) << per_mille;
      ASSERT_LE(static_cast<double>(*found - right), static_cast<double>(right) * 0.001)
          << per_mille;
    }
  }
}

TEST(Histogram, QuantilesOfSmallValuesAreExact) {
  std::mt19937_64 random(5);
  for (std::size_t count = 3'688; count < 3'800; ++count) {
    const Values values = random_values(random, count, 11);
    const Histogram histogram = histogram_of(values);
    for (const std::uint64_t per_mille : {500u, 900u, 990u, 999u})
      ASSERT_EQ(histogram.quantile_ns(static_cast<double>(per_mille) / 1'000),
                static_cast<std::uint64_t>(sorted_quantile(values, per_mille)))
          << count << " values, " << per_mille;
  }
}

TEST(Histogram, QuantilesGrowUpToTheMaximum) {
  std::mt19937_64 random(6);
  const Histogram histogram = histogram_of(random_values(random, 10'000));
  std::uint64_t before = 0;
  for (int i = 0; i <= 999; ++i) {
    const auto now = histogram.quantile_ns(i / 1'000.0);
    ASSERT_TRUE(now);
    ASSERT_GE(*now, before);
    before = *now;
  }
  EXPECT_LE(before, histogram.max_ns());
  EXPECT_EQ(histogram.quantile_ns(1), histogram.max_ns());
}

// measurement.md: p99 needs 368 values, p99.9 3 688.
TEST(Histogram, AQuantileNeedsEnoughValues) {
  const auto has = [](std::size_t count, double quantile) {
    return histogram_of(Values(count, 5)).quantile_ns(quantile).has_value();
  };
  EXPECT_FALSE(has(5, 0.5));
  EXPECT_TRUE(has(6, 0.5));
  EXPECT_FALSE(has(35, 0.9));
  EXPECT_TRUE(has(36, 0.9));
  EXPECT_FALSE(has(367, 0.99));
  EXPECT_TRUE(has(368, 0.99));
  EXPECT_FALSE(has(3'687, 0.999));
  EXPECT_TRUE(has(3'688, 0.999));
  EXPECT_TRUE(has(1, 1));
}

TEST(Histogram, IsRestoredExactlyFromWhatWasWrittenDown) {
  std::mt19937_64 random(8);
  for (int round = 0; round < 60; ++round) {
    const int most_bits = round % 2 == 0 ? 40 : 37;
    const Histogram histogram =
        histogram_of(random_values(random, random() % 1'000, most_bits));
    ASSERT_TRUE(histogram ==
                Histogram::restored(histogram.non_empty(), histogram.totals()))
        << "round " << round;
  }
  const Histogram beyond = histogram_of({range_end, 5 * range_end});
  EXPECT_TRUE(beyond == Histogram::restored({}, beyond.totals()));
  EXPECT_TRUE(Histogram() == Histogram::restored({}, {}));
}

TEST(Histogram, OnesRestoredMergeAsTheOnesThatWereRecorded) {
  std::mt19937_64 random(9);
  for (int round = 0; round < 30; ++round) {
    const Values a = random_values(random, random() % 500);
    const Values b = random_values(random, random() % 500);
    Values both = a;
    both.insert(both.end(), b.begin(), b.end());
    const Histogram first = histogram_of(a);
    const Histogram second = histogram_of(b);
    Histogram merged = Histogram::restored(first.non_empty(), first.totals());
    merged.merge(Histogram::restored(second.non_empty(), second.totals()));
    ASSERT_TRUE(merged == histogram_of(both)) << "round " << round;
  }
}

/// Why it cannot be restored; "" when it can.
std::string refusal(const std::vector<Histogram::Bucket>& buckets,
                    const Histogram::Totals& totals) {
  try {
    Histogram::restored(buckets, totals);
    return "";
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

// [2048, 2049] is a bucket, twice taken: 2048 and 2049, 4097 in all.
TEST(Histogram, IsNotRestoredFromBucketsThatNoneHas) {
  const Histogram::Totals two{4'097, 2'048, 2'049, 0};
  const std::string layout = "a bucket with bounds of another layout";
  const std::string order = "buckets that do not ascend";
  EXPECT_EQ(refusal({{2'048, 2'049, 2}}, two), "");
  EXPECT_EQ(refusal({{2'048, 2'048, 2}}, two), layout);
  EXPECT_EQ(refusal({{2'049, 2'049, 2}}, two), layout);
  EXPECT_EQ(refusal({{2'048, 2'051, 2}}, two), layout);
  EXPECT_EQ(refusal({{2'048, 2'049, 1}, {2'048, 2'049, 1}}, two), order);
  EXPECT_EQ(refusal({{2'050, 2'051, 1}, {2'048, 2'049, 1}}, two), order);
  EXPECT_EQ(refusal({{Histogram::range_end_ns, ~std::uint64_t{0}, 2}}, two), order);
  EXPECT_EQ(refusal({{~std::uint64_t{0}, 0, 2}}, two), order);
  EXPECT_EQ(refusal({{2'048, 2'049, 0}}, two), "an empty bucket");
  const std::string many = "more than 2^48 values";
  EXPECT_EQ(refusal({{2'048, 2'049, Histogram::most_values + 1}}, two), many);
  EXPECT_EQ(refusal({{1, 1, Histogram::most_values}, {2'048, 2'049, 1}}, two), many);
  EXPECT_EQ(refusal({}, {0, 0, 0, ~std::uint64_t{0}}), many);
}

TEST(Histogram, IsNotRestoredWithTotalsThatDoNotFitItsBuckets) {
  const std::vector<Histogram::Bucket> two{{2'048, 2'049, 2}};
  const std::uint64_t end = Histogram::range_end_ns;
  const std::string sum = "sum that the buckets cannot have";
  const std::string min = "min outside the first bucket";
  const std::string max = "max outside the last bucket";
  EXPECT_EQ(refusal(two, {4'095, 2'048, 2'049, 0}), sum);
  EXPECT_EQ(refusal(two, {4'099, 2'048, 2'049, 0}), sum);
  EXPECT_EQ(refusal(two, {4'097, 2'047, 2'049, 0}), min);
  EXPECT_EQ(refusal(two, {4'097, 2'050, 2'049, 0}), min);
  EXPECT_EQ(refusal(two, {4'097, 2'048, 2'047, 0}), max);
  EXPECT_EQ(refusal(two, {4'097, 2'048, end, 0}), max);
  EXPECT_EQ(refusal(two, {4'097, 2'049, 2'048, 0}), "min above max");
  EXPECT_EQ(refusal(two, {4'097 + end, 2'048, end, 1}), "");
  EXPECT_EQ(refusal(two, {4'097 + end, 2'048, end - 1, 1}), max);
  EXPECT_EQ(refusal(two, {4'097 + end, 2'048, ~std::uint64_t{0}, 1}),
            "max above 2^63 ns");
  EXPECT_EQ(refusal({}, {end, end - 1, end, 1}), min);
  EXPECT_EQ(refusal({}, {0, 0, 1, 0}), "sum, min or max of no value");
}

TEST(Histogram, BucketsAreListedAscendingWithEveryValueOnce) {
  std::mt19937_64 random(7);
  const Histogram histogram = histogram_of(random_values(random, 5'000));
  std::uint64_t counted = histogram.overflow();
  std::uint64_t end_of_last = 0;
  for (const auto& [lower, upper, count] : histogram.non_empty()) {
    ASSERT_GE(lower, end_of_last);
    ASSERT_GT(count, 0u);
    end_of_last = upper + 1;
    counted += count;
  }
  EXPECT_EQ(counted, histogram.count());
}

}  // namespace
}  // namespace echolab
