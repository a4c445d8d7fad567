// Series: what came in each interval of a window, and what the server had meanwhile.

#include "bench/series.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <numeric>
#include <thread>

#include "clients/load_clock.hpp"

namespace echolab {
namespace {

using namespace std::chrono_literals;
using Parts = std::vector<std::pair<int, std::uint64_t>>;

LoadInterval interval_of(std::uint64_t number, double seconds, int replies,
                         std::int64_t response_ns) {
  LoadInterval interval;
  interval.number = number;
  interval.begin_seconds = static_cast<double>(number) * 0.05;
  interval.seconds = seconds;
  for (int i = 0; i < replies; ++i) interval.response.record(response_ns);
  return interval;
}

TEST(QuarterOctaves, begin_at_powers_of_the_fourth_root_of_two) {
  Histogram response;
  for (const std::int64_t ns : {0, 1, 1024, 1217, 1218, 2047, 2048, 2048})
    response.record(ns);
  // 2^(41/4) is 1217.7.
  EXPECT_EQ(quarter_octaves(response),
            (Parts{{0, 2}, {40, 2}, {41, 1}, {43, 1}, {44, 2}}));
  EXPECT_TRUE(quarter_octaves(Histogram()).empty());
}

TEST(Series, is_told_in_twenty_parts_of_fifty_milliseconds_or_more) {
  EXPECT_EQ(series_interval(10s), 500ms);
  EXPECT_EQ(series_interval(1s), 50ms);
  EXPECT_EQ(series_interval(150ms), 50ms);
}

TEST(Series, counts_what_came_in_each_interval_and_leaves_the_rest_out) {
  Series series(50ms, {::getpid()});
  series.begin(3);
  series.add(interval_of(0, 0.05, 400, 5'000), 3);
  series.add(interval_of(1, 0.05, 0, 0), 8);
  series.add(interval_of(2, 0.02, 1, 7'000), 8);
  series.end();
  LoadInterval rest = interval_of(3, 0.05, 9, 1'000);
  rest.is_rest = true;
  series.add(rest, 8);
  const auto json = series.json();
  EXPECT_EQ(json["interval_seconds"], 0.05);
  EXPECT_EQ(json["requests"], (nlohmann::json{400, 0, 1}));
  EXPECT_EQ(json["errors"], (nlohmann::json{0, 5, 0}));
  EXPECT_NEAR(json["p99_ns"][0].get<double>(), 5'000, 5);
  EXPECT_TRUE(json["p99_ns"][1].is_null());
  EXPECT_TRUE(json["p99_ns"][2].is_null()) << "one reply supports no percentile";
  EXPECT_TRUE(json["max_ns"][1].is_null());
  EXPECT_EQ(json["max_ns"][2], 7'000);
  EXPECT_EQ(json["buckets"][0], (nlohmann::json{{49, 400}}));
  EXPECT_EQ(json["buckets"][1], nlohmann::json::array());
}

TEST(Series, without_an_interval_is_null) {
  Series series(50ms, {::getpid()});
  EXPECT_TRUE(series.json().is_null());
  series.begin(0);
  series.end();
  EXPECT_TRUE(series.json().is_null());
}

/// Computes for half of the time that passes until `until`.
void half_busy(std::chrono::steady_clock::time_point until) {
  while (std::chrono::steady_clock::now() < until) {
    const auto stop = std::chrono::steady_clock::now() + 2ms;
    while (std::chrono::steady_clock::now() < stop) {
    }
    std::this_thread::sleep_for(2ms);
  }
}

TEST(Series, shows_when_the_server_worked) {
  const auto long_interval = 1s;  // a look takes far less than 1 % of it, on any machine
  Series series(long_interval, {::getpid()});
  series.begin(0);
  const auto begin = std::chrono::steady_clock::now() + Nanoseconds(2 * tick_ns);
  const auto add = [&](std::uint64_t number) {
    LoadInterval interval = interval_of(number, 0.2, 1, 5'000);
    interval.begin_seconds = static_cast<double>(number) * 0.2;
    series.add(interval, 0);
  };
  half_busy(begin + 200ms);
  add(0);
  std::this_thread::sleep_until(begin + 400ms);
  add(1);
  std::this_thread::sleep_until(begin + 600ms);
  series.end();
  add(2);
  const auto json = series.json();
  ASSERT_EQ(json["server_cores"].size(), 3U);
  EXPECT_GT(json["server_cores"][0], 0.02);  // of about 0.5: the machine may be busy
  EXPECT_LT(json["server_cores"][0], 1.1);
  EXPECT_GT(json["server_cores"][0], json["server_cores"][1]);
  EXPECT_GT(json["server_cores"][0], json["server_cores"][2]);
  EXPECT_GE(json["server_threads"][1], 1);
  EXPECT_GT(json["server_rss_bytes"][2], 100'000);
}

TEST(Series, does_not_look_where_that_would_cost_a_hundredth) {
  Series series(Nanoseconds(100), {::getpid()});
  series.begin(0);
  series.add(interval_of(0, 0.05, 1, 5'000), 0);
  series.end();
  const auto json = series.json();
  EXPECT_EQ(json["requests"], nlohmann::json{1});
  for (const char* member : {"server_cores", "server_threads", "server_rss_bytes"})
    EXPECT_TRUE(json[member].is_null()) << member;
}

}  // namespace
}  // namespace echolab
