// What the laws of chance promise: the distribution that they are called by, the same
// from one seed everywhere, and bounds that are never crossed.

#include "clients/laws.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "common/error.hpp"
#include "tests/goodness_of_fit.hpp"

namespace echolab {
namespace {

constexpr std::size_t many = 100'000;

std::vector<double> drawn(std::size_t n, const std::function<double()>& draw) {
  std::vector<double> values(n);
  std::generate(values.begin(), values.end(), draw);
  return values;
}

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

/// How far a mean of `n` values may lie from that of a law with this deviation.
double mean_bound(double deviation, std::size_t n) {
  return normal_bound * deviation / std::sqrt(static_cast<double>(n));
}

SizeLaw size_law(std::string_view text, std::uint64_t seed = 1) {
  SizeLaw law = SizeLaw::parse("--size", text);
  law.seed(seed);
  return law;
}

/// Of several connections, as many of each.
std::vector<double> sizes(const SizeLaw& law, std::size_t n = many) {
  std::uint64_t i = 0;
  return drawn(n, [&] {
    const std::uint64_t number = i++;
    return static_cast<double>(law.of(number % 7, number / 7));
  });
}

TimeLaw time_law(std::string_view text) {
  return TimeLaw::parse("--think", text);
}

std::vector<double> times_ns(const TimeLaw& law, std::uint64_t seed) {
  Draw draw(seed);
  return drawn(many, [&] { return static_cast<double>(law.draw_ns(draw)); });
}

template <class Law>
std::string error_of(std::string_view option, std::string_view text) {
  try {
    Law::parse(option, text);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "none";
}

// Worked out apart from draw.cpp: SplitMix64 of the state that SplitMix64 makes of 1.
TEST(Draw, FollowsFromTheSeedOnEveryMachine) {
  Draw draw(1);
  EXPECT_EQ(draw.bits(), 0xf18d6ce93d6cf1eeu);
  EXPECT_EQ(draw.bits(), 0x0b95f66d327e8d78u);
  EXPECT_EQ(Draw(1).exponential(), 0x1.dbe151da89e56p-5);
  EXPECT_EQ(Draw(1).gamma(0.25), 0x1.11db77c25b137p+0);
  EXPECT_EQ(Draw(1).gamma(4), 0x1.48bac4acf77fbp+0);
}

TEST(Draw, SeedsThatAreNeighboursGiveOtherNumbers) {
  std::set<std::uint64_t> seen;
  for (std::uint64_t seed = 0; seed < 1'000; ++seed) {
    Draw draw(seed);
    for (int i = 0; i < 10; ++i) seen.insert(draw.bits());
  }
  EXPECT_EQ(seen.size(), 10'000u);
}

TEST(Draw, ItsLogarithmAndExponentialAreTrue) {
  Draw draw(2);
  for (std::size_t i = 0; i < many; ++i) {
    const double x =
        std::ldexp(draw.uniform(), static_cast<int>(draw.bits() % 200) - 100);
    ASSERT_NEAR(portable_log(x), std::log(x), 1e-15 * std::fabs(std::log(x))) << x;
    const double y = 1416 * draw.uniform() - 708;
    ASSERT_NEAR(portable_exp(y), std::exp(y), 1e-13 * std::exp(y)) << y;
  }
  EXPECT_EQ(portable_log(1), 0);
  EXPECT_EQ(portable_log(0x1p-53), -53 * 0x1.62e42fefa39efp-1);
  EXPECT_GT(Draw::longest, -portable_log(0x1p-53));
  EXPECT_EQ(portable_exp(0), 1);
  EXPECT_EQ(portable_exp(-1e6), 0);
}

TEST(Draw, UniformNumbersAreUniformAndNeverZero) {
  Draw draw(3);
  const auto values = drawn(many, [&] { return draw.uniform(); });
  EXPECT_TRUE(fits(values, [](double x) { return x; }));
  EXPECT_FALSE(fits(values, [](double x) { return std::pow(x, 1.05); }));
  EXPECT_GT(*std::ranges::min_element(values), 0);
  EXPECT_LE(*std::ranges::max_element(values), 1);
}

TEST(Draw, GammaNumbersHaveTheirShapeAndNoOther) {
  for (const double shape : {0.01, 0.25, 0.9, 1.0, 4.0, 100.0}) {
    Draw draw(4);
    const auto values = drawn(many, [&] { return draw.gamma(shape); });
    EXPECT_TRUE(fits(values, gamma_cdf(shape))) << shape;
    EXPECT_FALSE(fits(values, gamma_cdf(shape * 1.1))) << shape;
    EXPECT_NEAR(mean_of(values), 1, mean_bound(1 / std::sqrt(shape), many)) << shape;
  }
}

TEST(Draw, ExponentialNumbersAreExponential) {
  Draw draw(5);
  const auto values = drawn(many, [&] { return draw.exponential(); });
  EXPECT_TRUE(fits(values, gamma_cdf(1)));
  EXPECT_FALSE(fits(values, gamma_cdf(0.95)));
  EXPECT_NEAR(mean_of(values), 1, mean_bound(1, many));
}

TEST(SizeLaw, IsAFunctionOfSeedConnectionAndNumberAlone) {
  for (const char* text : {"uniform:1-1GiB", "exp:1MiB", "list:1,2,3,4,5,6,7,8"}) {
    const SizeLaw law = size_law(text, 5);
    const SizeLaw again = size_law(text, 5);
    std::vector<std::uint64_t> forth;
    std::vector<std::uint64_t> back;
    for (std::uint64_t i = 0; i < 1'000; ++i) forth.push_back(law.of(i % 10, i / 10));
    for (std::uint64_t i = 1'000; i-- > 0;) back.push_back(again.of(i % 10, i / 10));
    std::ranges::reverse(back);
    EXPECT_EQ(forth, back) << text;
  }
}

TEST(SizeLaw, AnotherSeedConnectionOrNumberGivesAnotherSize) {
  const SizeLaw law = size_law("uniform:1-1GiB", 1);
  const SizeLaw other = size_law("uniform:1-1GiB", 2);
  std::set<std::uint64_t> seen;
  for (std::uint64_t connection = 0; connection < 10; ++connection)
    for (std::uint64_t number = 0; number < 10; ++number) {
      seen.insert(law.of(connection, number));
      seen.insert(other.of(connection, number));
    }
  // Of 200 in 2^30 two are alike with a chance of 200²/2/2^30 = 2e-5.
  EXPECT_EQ(seen.size(), 200u);
}

TEST(SizeLaw, AFixedSizeIsTheSameAlways) {
  const SizeLaw law = size_law("4KiB");
  EXPECT_TRUE(law.is_fixed());
  EXPECT_FALSE(size_law("uniform:1-2").is_fixed());
  for (std::uint64_t i = 0; i < 100; ++i) EXPECT_EQ(law.of(i, i * i), 4'096u);
  EXPECT_EQ(law.least(), 4'096u);
  EXPECT_EQ(law.most(), 4'096u);
  EXPECT_EQ(law.mean(), 4'096);
  EXPECT_EQ(SizeLaw().of(1, 2), 64u);
}

TEST(SizeLaw, UniformSizesComeAllAlike) {
  const SizeLaw law = size_law("uniform:10-29");
  std::vector<std::uint64_t> counts(20);
  for (const double size : sizes(law)) ++counts.at(static_cast<std::size_t>(size) - 10);
  EXPECT_TRUE(fits_classes(counts, std::vector<double>(20, many / 20.0)));
  std::vector<double> skewed(20, many / 20.0);
  skewed[0] *= 1.2;
  skewed[1] *= 0.8;
  EXPECT_FALSE(fits_classes(counts, skewed));
  EXPECT_EQ(law.least(), 10u);
  EXPECT_EQ(law.most(), 29u);
  EXPECT_EQ(law.mean(), 19.5);
}

TEST(SizeLaw, ListedSizesComeByTheirWeights) {
  const SizeLaw law = size_law("list:4KiB@10,64@85,100,1MiB@4");
  std::vector<std::uint64_t> counts(4);
  for (const double size : sizes(law)) {
    const std::vector<double> listed{4'096, 64, 100, 1 << 20};
    const auto place = std::ranges::find(listed, size);
    ASSERT_NE(place, listed.end()) << size;
    ++counts[static_cast<std::size_t>(place - listed.begin())];
  }
  EXPECT_TRUE(fits_classes(counts, {many * 0.10, many * 0.85, many * 0.01, many * 0.04}));
  EXPECT_FALSE(
      fits_classes(counts, {many * 0.12, many * 0.83, many * 0.01, many * 0.04}));
  EXPECT_EQ(law.least(), 64u);
  EXPECT_EQ(law.most(), 1u << 20);
  EXPECT_DOUBLE_EQ(law.mean(), 409.6 + 54.4 + 1 + 41943.04);
}

// The exponential law in whole bytes is geometric: P(size > k) = (1 - 1/mean)^k.
TEST(SizeLaw, ExponentialSizesAreGeometricWithTheMeanAsked) {
  const SizeLaw law = size_law("exp:10");
  constexpr std::size_t classes = 60;  // the last: all from there on
  std::vector<std::uint64_t> counts(classes);
  for (const double size : sizes(law))
    ++counts.at(std::min(static_cast<std::size_t>(size) - 1, classes - 1));
  const auto expected = [](double stay) {
    std::vector<double> shares(classes);
    for (std::size_t k = 0; k < classes; ++k)
      shares[k] = many * std::pow(stay, k) * (k + 1 < classes ? 1 - stay : 1);
    return shares;
  };
  EXPECT_TRUE(fits_classes(counts, expected(0.9)));
  EXPECT_FALSE(fits_classes(counts, expected(0.895)));
  EXPECT_EQ(law.mean(), 10);
}

TEST(SizeLaw, MeansAreThoseThatItSays) {
  for (const char* text : {"uniform:64-4KiB", "list:64@90,4KiB@10", "exp:1KiB", "exp:2",
                           "uniform:1-1GiB", "exp:16MiB", "exp:1"}) {
    const SizeLaw law = size_law(text);
    const auto values = sizes(law);
    double squares = 0;
    for (const double value : values) squares += std::pow(value - law.mean(), 2);
    const double deviation = std::sqrt(squares / static_cast<double>(many));
    EXPECT_NEAR(mean_of(values), law.mean(), mean_bound(deviation, many)) << text;
    EXPECT_GE(*std::ranges::min_element(values), static_cast<double>(law.least()))
        << text;
    EXPECT_LE(*std::ranges::max_element(values), static_cast<double>(law.most())) << text;
  }
}

TEST(SizeLaw, ExponentialSizesAreBoundedByWhatRandomBitsCanGive) {
  EXPECT_EQ(size_law("exp:1KiB").least(), 1u);
  EXPECT_EQ(size_law("exp:1KiB").most(), 37u * 1'024);
  EXPECT_EQ(size_law("exp:1").of(3, 4), 1u);
  // The mean before it is rounded up is below mean - 1/2 + 1/(8 mean).
  for (const double mean : {2.0, 3.0, 1e3, 16e6}) {
    const double scale = -1 / std::log1p(-1 / mean);
    EXPECT_LE(std::ceil(scale * Draw::longest), 37 * mean);
  }
}

TEST(SizeLaw, IsWrittenAsItWasRead) {
  for (const char* text :
       {"64", "16KiB", "uniform:64-4KiB", "list:64@90,4KiB@10", "exp:1KiB"}) {
    const SizeLaw law = size_law(text, 3);
    EXPECT_EQ(law.text(), text);
    EXPECT_EQ(sizes(size_law(law.text(), 3), 100), sizes(law, 100));
  }
  EXPECT_EQ(SizeLaw(512).text(), "512");
}

TEST(SizeLaw, RefusesWhatIsNoLawAndSaysWhatIs) {
  const std::string neither =
      "is neither a size of 1 B to 1 GiB such as 64 or 16KiB nor one of "
      "uniform:64-4KiB, list:64@90,4KiB@10 and exp:1KiB";
  for (const char* text : {"", "0", "2GiB", "-1", "64 ", "normal:64", "64-128"})
    EXPECT_EQ(error_of<SizeLaw>("--size", text),
              "--size: '" + std::string(text) + "' " + neither);
  for (const char* text : {"uniform:", "uniform:64", "uniform:64-", "uniform:-64",
                           "uniform:128-64", "uniform:0-64", "uniform:1-2GiB"})
    EXPECT_EQ(error_of<SizeLaw>("--size", text),
              "--size: '" + std::string(text) +
                  "' is no range of sizes such as uniform:64-4KiB, 1 B to 1 GiB");
  for (const char* text : {"exp:", "exp:0", "exp:17MiB", "exp:1KiB-2KiB"})
    EXPECT_EQ(error_of<SizeLaw>("--reply-size", text),
              "--reply-size: '" + std::string(text) +
                  "' is no mean size such as exp:1KiB, 1 B to 16 MiB");
}

TEST(SizeLaw, RefusesListsThatAreNone) {
  for (const char* part : {"x", "0@1", "64@", "64@0", "64@1.5", "64@2M", "@3", "64@1@2"})
    EXPECT_EQ(error_of<SizeLaw>("--size", "list:1," + std::string(part)),
              "--size: 'list:1," + std::string(part) + "' has '" + part +
                  "': 4KiB@10 would be right, a size of 1 B to 1 GiB and a weight of 1 "
                  "to 1M");
  EXPECT_EQ(
      error_of<SizeLaw>("--size", "list:"),
      "--size: 'list:' lists 0 sizes; 1 to 64 are right, such as list:64@90,4KiB@10");
  std::string long_list = "list:";
  for (int i = 0; i < 64; ++i) long_list += "1,";
  EXPECT_EQ(error_of<SizeLaw>("--size", long_list), "none");
  EXPECT_NE(error_of<SizeLaw>("--size", long_list + "1").find("lists 65 sizes"),
            std::string::npos);
}

TEST(TimeLaw, AFixedTimeIsTheSameAlways) {
  const TimeLaw law = time_law("10ms");
  Draw draw(1);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(law.draw_ns(draw), 10'000'000);
  EXPECT_EQ(law.mean_ns(), 1e7);
  EXPECT_FALSE(law.is_zero());
}

TEST(TimeLaw, NoTimeIsZero) {
  Draw draw(1);
  for (const char* text : {"0", "0ms", "exp:0", "uniform:0-0"}) {
    EXPECT_TRUE(time_law(text).is_zero()) << text;
    EXPECT_EQ(time_law(text).draw_ns(draw), 0) << text;
  }
  EXPECT_TRUE(TimeLaw().is_zero());
  EXPECT_FALSE(time_law("uniform:0-1ns").is_zero());
}

TEST(TimeLaw, ExponentialTimesAreExponential) {
  auto values = times_ns(time_law("exp:10ms"), 6);
  for (double& value : values) value /= 1e7;
  EXPECT_TRUE(fits(values, gamma_cdf(1)));
  EXPECT_FALSE(fits(values, gamma_cdf(0.95)));
  EXPECT_NEAR(mean_of(values), 1, mean_bound(1, many));
  EXPECT_EQ(time_law("exp:10ms").mean_ns(), 1e7);
}

TEST(TimeLaw, UniformTimesAreUniformAndReachBothEnds) {
  const TimeLaw law = time_law("uniform:1ms-5ms");
  auto values = times_ns(law, 7);
  EXPECT_GE(*std::ranges::min_element(values), 1e6);
  EXPECT_LE(*std::ranges::max_element(values), 5e6);
  for (double& value : values) value = (value - 1e6) / 4e6;
  EXPECT_TRUE(fits(values, [](double x) { return x; }));
  EXPECT_FALSE(fits(values, gamma_cdf(1)));
  EXPECT_EQ(law.mean_ns(), 3e6);
  std::vector<std::uint64_t> counts(3);
  for (const double value : times_ns(time_law("uniform:1ns-3ns"), 8))
    ++counts.at(static_cast<std::size_t>(value) - 1);
  EXPECT_TRUE(fits_classes(counts, std::vector<double>(3, many / 3.0)));
}

TEST(TimeLaw, IsWrittenAsItWasRead) {
  for (const char* text : {"0", "10ms", "exp:10ms", "uniform:1ms-5ms"})
    EXPECT_EQ(time_law(text).text(), text);
  EXPECT_EQ(TimeLaw().text(), "0");
}

TEST(TimeLaw, RefusesWhatIsNoLawAndSaysWhatIs) {
  for (const char* text :
       {"", "10", "exp:", "exp:10", "2h", "exp:2h", "-1ms", "list:1ms"})
    EXPECT_EQ(error_of<TimeLaw>("--think", text),
              "--think: '" + std::string(text) +
                  "' is neither a time of up to 1 h such as 10ms nor one of exp:10ms and "
                  "uniform:1ms-5ms");
  for (const char* text :
       {"uniform:", "uniform:1ms", "uniform:5ms-1ms", "uniform:1ms-2h"})
    EXPECT_EQ(error_of<TimeLaw>("--think", text),
              "--think: '" + std::string(text) +
                  "' is no range of times such as uniform:1ms-5ms, up to 1 h");
}

}  // namespace
}  // namespace echolab
