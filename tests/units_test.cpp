// What people type is read exactly or refused; what they read has a unit.

#include "common/units.hpp"

#include <gtest/gtest.h>

#include <cstdio>

namespace echolab {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t largest = (std::uint64_t{1} << 53) - 1;

/// What is no number with a unit, whatever the unit.
constexpr std::string_view nonsense[] = {"",
                                         " ",
                                         "-1",
                                         "-0",
                                         "+1",
                                         "-1s",
                                         "k",
                                         "s",
                                         "KiB",
                                         ".",
                                         "1e400",
                                         "1e3",
                                         "1e3s",
                                         "nan",
                                         "NaN",
                                         "inf",
                                         "infinity",
                                         "-inf",
                                         "infs",
                                         "nans",
                                         "0x10",
                                         "0x10s",
                                         "5 s",
                                         " 5s",
                                         "5s ",
                                         "5 k",
                                         "5kk",
                                         "5ss",
                                         "1,000",
                                         "1_000",
                                         "1k5",
                                         "1.2.3",
                                         "1..2s",
                                         "ten",
                                         "18446744073709551616",
                                         "18446744073709551616s",
                                         "9007199254740992",
                                         "1e-400s",
                                         "10000000000000G",
                                         "10000000000000GiB",
                                         "10000000000000h"};

TEST(Units, NonsenseIsNoCountNoSizeAndNoDuration) {
  for (const std::string_view text : nonsense) {
    EXPECT_FALSE(parse_count(text)) << "count '" << text << "'";
    EXPECT_FALSE(parse_bytes(text)) << "size '" << text << "'";
    EXPECT_FALSE(parse_duration(text)) << "duration '" << text << "'";
  }
}

TEST(Units, TextAfterANulByteIsNotIgnored) {
  using std::string_view_literals::operator""sv;
  EXPECT_FALSE(parse_count("10\0"sv));
  EXPECT_FALSE(parse_bytes("10\0KiB"sv));
  EXPECT_FALSE(parse_duration("10s\0"sv));
}

TEST(Units, ATextThatIsPartOfALongerOneEndsWhereItEnds) {
  const std::string_view text = "10k and more";
  EXPECT_EQ(parse_count(text.substr(0, 1)), 1U);
  EXPECT_EQ(parse_count(text.substr(0, 2)), 10U);
  EXPECT_EQ(parse_count(text.substr(0, 3)), 10'000U);
}

TEST(Units, ACountIsInPowersOfAThousand) {
  EXPECT_EQ(parse_count("0"), 0U);
  EXPECT_EQ(parse_count("007"), 7U);
  EXPECT_EQ(parse_count("250"), 250U);
  EXPECT_EQ(parse_count("10k"), 10'000U);
  EXPECT_EQ(parse_count("10K"), 10'000U);
  EXPECT_EQ(parse_count("1m"), 1'000'000U);
  EXPECT_EQ(parse_count("1M"), 1'000'000U);
  EXPECT_EQ(parse_count("2G"), 2'000'000'000U);
}

TEST(Units, ACountMayHaveAFractionOnlyOfItsUnit) {
  EXPECT_EQ(parse_count("1.5k"), 1'500U);
  EXPECT_EQ(parse_count("0.001k"), 1U);
  EXPECT_EQ(parse_count("5.0"), 5U);
  EXPECT_FALSE(parse_count("0.5"));
  EXPECT_FALSE(parse_count("1.0005k"));
  EXPECT_FALSE(parse_count("0.0000000001"));
}

TEST(Units, EveryThousandthOfAThousandIsACount) {
  for (unsigned n = 0; n < 100'000; ++n) {
    char text[16];
    std::snprintf(text, sizeof text, "%u.%03uk", n / 1000, n % 1000);
    ASSERT_EQ(parse_count(text), n) << text << ": binary fractions must not show";
  }
}

TEST(Units, ANumberIsExactUpTo2To53AndRefusedFromThereOn) {
  EXPECT_EQ(parse_count("9007199254740991"), largest);
  EXPECT_FALSE(parse_count("9007199254740992"));
  EXPECT_EQ(parse_bytes("9007199254740991"), largest);
  EXPECT_FALSE(parse_bytes("9007199254740992"));
  EXPECT_EQ(parse_duration("9007199254740991ns"), Nanoseconds(largest));
  EXPECT_FALSE(parse_duration("9007199254740992ns"));
  EXPECT_FALSE(parse_count("9007199254741k"));
}

TEST(Units, ASizeIsInPowersOf1024WithAnIAndOf1000Without) {
  EXPECT_EQ(parse_bytes("0"), 0U);
  EXPECT_EQ(parse_bytes("512"), 512U);
  EXPECT_EQ(parse_bytes("512B"), 512U);
  EXPECT_EQ(parse_bytes("64KiB"), 65'536U);
  EXPECT_EQ(parse_bytes("64k"), 65'536U);
  EXPECT_EQ(parse_bytes("10kB"), 10'000U);
  EXPECT_EQ(parse_bytes("10KB"), 10'000U);
  EXPECT_EQ(parse_bytes("1MiB"), 1'048'576U);
  EXPECT_EQ(parse_bytes("1MB"), 1'000'000U);
  EXPECT_EQ(parse_bytes("1GiB"), 1'073'741'824U);
  EXPECT_EQ(parse_bytes("1GB"), 1'000'000'000U);
  EXPECT_EQ(parse_bytes("1.5KiB"), 1'536U);
  EXPECT_EQ(parse_bytes("1.5k"), 1'536U);
}

TEST(Units, ASizeIsAWholeNumberOfBytes) {
  EXPECT_FALSE(parse_bytes("0.5"));
  EXPECT_FALSE(parse_bytes("0.5B"));
  EXPECT_FALSE(parse_bytes("1.0001KiB"));
  EXPECT_EQ(parse_bytes("0.5KiB"), 512U);
}

TEST(Units, ASizeIsNoDurationAndADurationNoSize) {
  EXPECT_FALSE(parse_duration("64KiB"));
  EXPECT_FALSE(parse_bytes("5s"));
  EXPECT_FALSE(parse_count("5s"));
  EXPECT_FALSE(parse_count("5B"));
}

TEST(Units, ADurationHasItsUnit) {
  EXPECT_EQ(parse_duration("10ns"), 10ns);
  EXPECT_EQ(parse_duration("50us"), 50us);
  EXPECT_EQ(parse_duration("50µs"), 50us);
  EXPECT_EQ(parse_duration("300ms"), 300ms);
  EXPECT_EQ(parse_duration("30s"), 30s);
  EXPECT_EQ(parse_duration("2m"), 2min);
  EXPECT_EQ(parse_duration("2min"), 2min);
  EXPECT_EQ(parse_duration("1h"), 1h);
  EXPECT_EQ(parse_duration("1.5s"), 1500ms);
  EXPECT_EQ(parse_duration("0.1s"), 100ms);
  EXPECT_EQ(parse_duration("1.001ms"), 1001us);
  EXPECT_FALSE(parse_duration("5"));
  EXPECT_FALSE(parse_duration("1.5"));
  EXPECT_FALSE(parse_duration("5S"));
  EXPECT_FALSE(parse_duration("5k"));
}

TEST(Units, OnlyADurationOfZeroNeedsNoUnit) {
  EXPECT_EQ(parse_duration("0"), 0ns);
  EXPECT_EQ(parse_duration("0s"), 0ns);
  EXPECT_FALSE(parse_duration("00"));
  EXPECT_FALSE(parse_duration("0.0"));
}

TEST(Units, APartOfANanosecondIsRefusedAndNotRoundedToNever) {
  EXPECT_FALSE(parse_duration("0.4ns"));
  EXPECT_FALSE(parse_duration("0.0001us"));
  EXPECT_FALSE(parse_duration("1.5ns"));
}

TEST(Units, ADurationIsShownInThreeDigitsAndItsUnit) {
  EXPECT_EQ(show_duration(0), "0 ns");
  EXPECT_EQ(show_duration(1), "1 ns");
  EXPECT_EQ(show_duration(980), "980 ns");
  EXPECT_EQ(show_duration(1.25e6), "1.25 ms");
  EXPECT_EQ(show_duration(12.34e3), "12.3 us");
  EXPECT_EQ(show_duration(123.4e3), "123 us");
  EXPECT_EQ(show_duration(2e9), "2.00 s");
  EXPECT_EQ(show_duration(3600e9), "3600 s");
}

TEST(Units, NoDurationIsShownAsAThousandOfAUnit) {
  EXPECT_EQ(show_duration(999.4), "999 ns");
  EXPECT_EQ(show_duration(999.5), "1.00 us");
  EXPECT_EQ(show_duration(999.4e3), "999 us");
  EXPECT_EQ(show_duration(999.5e3), "1.00 ms");
  EXPECT_EQ(show_duration(999.4e6), "999 ms");
  EXPECT_EQ(show_duration(999.5e6), "1.00 s");
  EXPECT_EQ(show_duration(9.994e3), "9.99 us");
  EXPECT_EQ(show_duration(9.996e3), "10.0 us");
  EXPECT_EQ(show_duration(99.94e3), "99.9 us");
  EXPECT_EQ(show_duration(99.96e3), "100 us");
}

TEST(Units, ASizeIsShownInPowersOf1024) {
  EXPECT_EQ(show_bytes(0), "0 B");
  EXPECT_EQ(show_bytes(64), "64 B");
  EXPECT_EQ(show_bytes(1023), "1023 B");
  EXPECT_EQ(show_bytes(1024), "1.00 KiB");
  EXPECT_EQ(show_bytes(1536), "1.50 KiB");
  EXPECT_EQ(show_bytes(8 * 1048576.0), "8.00 MiB");
  EXPECT_EQ(show_bytes(3 * 1073741824.0), "3.00 GiB");
}

TEST(Units, NoSizeIsShownAs1024OfAUnit) {
  EXPECT_EQ(show_bytes(1023.7), "1.00 KiB");
  EXPECT_EQ(show_bytes(1048575), "1.00 MiB");
  EXPECT_EQ(show_bytes(1073741823), "1.00 GiB");
  EXPECT_EQ(show_bytes(1023.4 * 1024), "1023 KiB");
}

TEST(Units, ACountIsShownInPowersOfAThousand) {
  EXPECT_EQ(show_count(0), "0");
  EXPECT_EQ(show_count(945), "945");
  EXPECT_EQ(show_count(12'345), "12.3k");
  EXPECT_EQ(show_count(1.2e6), "1.20M");
  EXPECT_EQ(show_count(3.456e9), "3.46G");
  EXPECT_EQ(show_count(999.4), "999");
  EXPECT_EQ(show_count(999.5), "1.00k");
  EXPECT_EQ(show_count(999'500), "1.00M");
  EXPECT_EQ(show_count(999.5e6), "1.00G");
}

TEST(Units, WhatIsWrittenIsExactAndReadBack) {
  const std::pair<Nanoseconds, std::string_view> times[] = {
      {0s, "0"},    {1ns, "1ns"},   {1500us, "1500us"}, {10s, "10s"},
      {90s, "90s"}, {2min, "2min"}, {24h, "24h"},       {1h + 1ns, "3600000000001ns"}};
  for (const auto& [time, text] : times) {
    EXPECT_EQ(write_duration(time), text);
    EXPECT_EQ(parse_duration(text), time);
  }
  const std::pair<std::uint64_t, std::string_view> sizes[] = {
      {0, "0"},          {1023, "1023"},
      {1024, "1KiB"},    {1000, "1000"},
      {1 << 20, "1MiB"}, {(1 << 20) + 1024, "1025KiB"},
      {1 << 30, "1GiB"}, {largest, "9007199254740991"}};
  for (const auto& [bytes, text] : sizes) {
    EXPECT_EQ(write_bytes(bytes), text);
    EXPECT_EQ(parse_bytes(text), bytes);
  }
}

TEST(Units, WhatIsShownOfARoundValueIsReadBackAsTheSame) {
  for (const std::uint64_t count : {1U, 945U, 10'000U, 1'500'000U, 2'000'000'000U})
    EXPECT_EQ(parse_count(show_count(static_cast<double>(count))), count);
}

}  // namespace
}  // namespace echolab
