// Intervals of a window: whole ones are told while the load goes on, and nothing is lost
// or told twice, however late somebody takes them.

#include "clients/intervals.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "clients/load_export.hpp"
#include "clients/load_report.hpp"
#include "tests/server_process.hpp"

namespace echolab::tests {
namespace {

using namespace std::chrono_literals;

TEST(Intervals, EachHasWhatCameInside) {
  Intervals intervals(100);
  intervals.record(1, 950);  // before the window
  intervals.begin(1'000);
  intervals.record(1, 1'000);
  intervals.record(2, 1'099);
  intervals.record(3, 1'100);
  intervals.pass(1'399);  // nothing came in the third
  EXPECT_EQ(intervals.whole(), 3U);
  intervals.record(4, 1'399);
  std::vector<std::uint64_t> counts;
  for (std::uint64_t number = 1; number <= 3; ++number) {
    Histogram total;
    intervals.take_until(number, total);
    counts.push_back(total.count());
  }
  EXPECT_EQ(counts, (std::vector<std::uint64_t>{2, 1, 0}));
  intervals.end(1'450);
  EXPECT_EQ(intervals.whole(), 5U) << "the last one is shorter";
  intervals.record(5, 1'500);
  Histogram last;
  intervals.take_until(5, last);
  EXPECT_EQ(last.count(), 1U);
  Histogram rest;
  intervals.take_rest(rest);
  EXPECT_EQ(rest.count(), 1U);
  EXPECT_EQ(rest.max_ns(), 5U);
}

TEST(Intervals, AWindowThatEndsWithAnIntervalHasNoEmptyOneAfterIt) {
  Intervals intervals(100);
  intervals.begin(0);
  intervals.record(1, 150);
  intervals.end(200);
  EXPECT_EQ(intervals.whole(), 2U);
}

TEST(Intervals, NothingIsLostWhereNobodyTakesThem) {
  Intervals intervals(10);
  intervals.begin(0);
  for (std::int64_t now = 0; now < 1'000; ++now) intervals.record(now, now);
  intervals.end(1'000);
  Histogram total;
  intervals.take_until(100, total);
  intervals.take_rest(total);
  EXPECT_EQ(total.count(), 1'000U);
}

/// The oldest may be about to be taken: nobody records there again before it was.
TEST(Intervals, WhereNobodyTakesThemTheLastGrowsAndTheFirstStays) {
  Intervals intervals(10);
  intervals.begin(0);
  for (std::int64_t now = 5; now < 100; now += 10) intervals.record(now, now);
  intervals.end(100);
  for (const std::uint64_t oldest : {5U, 15U}) {
    Histogram one;
    intervals.take_until(oldest / 10 + 1, one);
    EXPECT_EQ(one.count(), 1U);
    EXPECT_EQ(one.max_ns(), oldest);
  }
  Histogram others;
  intervals.take_until(10, others);
  intervals.take_rest(others);
  EXPECT_EQ(others.count(), 8U);
}

TEST(Intervals, OneRecordsWhileAnotherTakes) {
  Intervals intervals(50'000);
  constexpr std::int64_t records = 2'000'000;
  intervals.begin(0);
  std::jthread recording([&] {
    for (std::int64_t now = 0; now < records; ++now) intervals.record(now % 4'000, now);
    intervals.end(records);
  });
  Histogram total;
  for (std::uint64_t number = 0; number < records / 50'000;) {
    const std::uint64_t whole = intervals.whole();
    if (whole == number) std::this_thread::yield();
    number = whole;
    intervals.take_until(number, total);
  }
  recording.join();
  intervals.take_until(records, total);
  intervals.take_rest(total);
  EXPECT_EQ(total.count(), static_cast<std::uint64_t>(records));
}

void expect_the_sum(const LoadPlan& plan) {
  std::vector<LoadInterval> told;
  const LoadEvents events{
      .interval = [&](const LoadInterval& it) { told.push_back(it); }};
  const LoadResult result = run_load(plan, events);
  EXPECT_EQ(result.errors.total(), 0U) << result.first_failure;
  ASSERT_GE(told.size(), 5U);
  Histogram total;
  double seconds = 0;
  for (std::size_t i = 0; i < told.size(); ++i) {
    EXPECT_EQ(told[i].number, i);
    EXPECT_EQ(told[i].is_rest, i >= 5);
    EXPECT_NEAR(told[i].begin_seconds, 0.1 * static_cast<double>(i), 1e-9);
    seconds += told[i].seconds;
    total.merge(told[i].response);
  }
  EXPECT_NEAR(seconds, 0.5, 1e-9);
  EXPECT_EQ(total, result.response);
  EXPECT_GT(total.count(), 0U);
}

TEST(Intervals, OfALoadSumUpToItsHistogram) {
  const ServerProcess server("epoll_level", "tcp://127.0.0.1:0");
  LoadPlan plan;
  plan.server = server.endpoint();
  plan.threads = 2;
  plan.warm_up = 50ms;
  plan.duration = 500ms;
  plan.interval = 100ms;
  expect_the_sum(plan);
  plan.workload.arrivals.emplace().rate = 2'000;
  expect_the_sum(plan);
  plan.server = Endpoint::parse("udp://127.0.0.1:0");
  const ServerProcess datagrams("udp_batched", "udp://127.0.0.1:0");
  plan.server = datagrams.endpoint();
  expect_the_sum(plan);
}

TEST(Intervals, AreLinesOfAFileAndOfTheHdrLog) {
  const std::string folder = ::testing::TempDir();
  const std::string lines = folder + "intervals." + std::to_string(::getpid());
  const std::string log = folder + "log." + std::to_string(::getpid());
  LoadInterval interval{
      .number = 3, .begin_seconds = 1.5, .seconds = 0.5, .response = {}};
  interval.response.record(42);
  {
    ExportOptions options;
    options.intervals = lines;
    options.hdr_log = log;
    LoadFiles files(options);
    files.add(interval);
    std::ifstream file(lines);
    const auto row = nlohmann::json::parse(file);
    EXPECT_EQ(row["number"], 3);
    EXPECT_EQ(row["requests_per_second"], 2.0);
    EXPECT_EQ(row["latency_ns"]["max"], 42);
    files.add(interval);
    files.write(interval.response, 0, 2);
  }
  std::ifstream file(log);
  std::string line;
  int intervals = 0;
  while (std::getline(file, line)) intervals += line.starts_with("1.5") ? 1 : 0;
  EXPECT_EQ(intervals, 2);
  ::unlink(lines.c_str());
  ::unlink(log.c_str());
}

TEST(Intervals, NeedAFileAndALength) {
  LoadPlan plan;
  ExportOptions options;
  complete_intervals(options, plan);
  EXPECT_EQ(plan.interval, 0s);
  options.intervals = "x";
  complete_intervals(options, plan);
  EXPECT_EQ(plan.interval, 1s);
  plan.interval = 5ms;
  EXPECT_THROW(complete_intervals(options, plan), UsageError);
  plan.interval = 50ms;
  options.intervals.reset();
  EXPECT_THROW(complete_intervals(options, plan), UsageError);
}

}  // namespace
}  // namespace echolab::tests
