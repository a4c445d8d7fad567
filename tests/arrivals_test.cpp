// The options of an open loop: what they say, and what they refuse in which words.

#include "clients/arrivals.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "clients/schedule.hpp"
#include "common/error.hpp"

namespace echolab {
namespace {

ArrivalOptions given(const std::string& arrivals, const std::string& rate,
                     const std::string& on_off = "", const std::string& replay = "") {
  return {arrivals, rate, on_off, replay};
}

std::string error_of(const ArrivalOptions& options) {
  try {
    parse_arrivals(options);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "none";
}

std::string file_of(const std::string& text) {
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  std::string path = testing::TempDir() + "replay_" + test->name() + ".txt";
  std::ofstream(path) << text;
  return path;
}

std::string replay_error(const std::string& text) {
  const std::string path = file_of(text);
  const std::string error = error_of(given("", "", "", path));
  const std::string prefix = "--replay: " + path + ":";
  return error.starts_with(prefix) ? error.substr(prefix.size()) : "not " + error;
}

std::string text_of(const ArrivalOptions& options) {
  return parse_arrivals(options).text();
}

TEST(Arrivals, ArePoissonUnlessSaidOtherwise) {
  const ArrivalPlan plan = parse_arrivals(given("", "10k"));
  EXPECT_EQ(plan.law, ArrivalPlan::Law::poisson);
  EXPECT_EQ(plan.rate, 10'000);
  EXPECT_EQ(plan.rate_end, 0);
  EXPECT_EQ(plan.on_ns, 0);
  EXPECT_FALSE(plan.replay);
}

TEST(Arrivals, ArePlannedAsTheOptionsSay) {
  const ArrivalPlan ramp = parse_arrivals(given("gamma:0.5", "1k..10k"));
  EXPECT_EQ(ramp.law, ArrivalPlan::Law::gamma);
  EXPECT_EQ(ramp.cv, 0.5);
  EXPECT_EQ(ramp.rate, 1'000);
  EXPECT_EQ(ramp.rate_end, 10'000);
  const ArrivalPlan bursts = parse_arrivals(given("fixed", "1", "100ms/1h"));
  EXPECT_EQ(bursts.law, ArrivalPlan::Law::fixed);
  EXPECT_EQ(bursts.on_ns, 100'000'000);
  EXPECT_EQ(bursts.off_ns, 3'600'000'000'000);
}

TEST(Arrivals, AreSaidInWords) {
  EXPECT_EQ(text_of(given("", "10k")), "poisson, 10.0k requests/s");
  EXPECT_EQ(text_of(given("fixed", "50")), "fixed, 50 requests/s");
  EXPECT_EQ(text_of(given("gamma:2", "1k..10k")),
            "gamma of cv 2, 1.00k to 10.0k requests/s");
  EXPECT_EQ(text_of(given("", "1k", "100ms/900ms")),
            "poisson, 1.00k requests/s, 100 ms on, 900 ms off");
  EXPECT_EQ(text_of(given("", "", "", file_of("0\n1\n2.5\n"))),
            "replay of 3 requests in 2.50 s");
}

TEST(Arrivals, RefuseALawThatIsNone) {
  for (const std::string law : {"Poisson", "gamma", "gamma:", "gamma:0.09", "gamma:10.1",
                                "gamma:-1", "gamma:nan", "gamma:2x", "fixed "})
    EXPECT_EQ(error_of(given(law, "1k")),
              "--arrivals: '" + law +
                  "' is none of fixed, poisson and gamma:CV, such as gamma:2, with a "
                  "coefficient of variation of 0.1 to 10");
  EXPECT_EQ(error_of(given("gamma:0.1", "1k")), "none");
  EXPECT_EQ(error_of(given("gamma:10", "1k")), "none");
}

TEST(Arrivals, RefuseARateThatIsNone) {
  for (const std::string rate : {"", "0", "-1", "fast", "2G", "1k..", "..1k", "1k..0",
                                 "1k....2k", "1k-2k", "0..1k", "1.5"})
    EXPECT_EQ(error_of(given("", rate)),
              "-R: '" + rate +
                  "' is neither a rate such as 10k, in requests/s, nor a ramp such as "
                  "1k..10k; 1 to 1.00G are right");
  EXPECT_EQ(error_of(given("", "1..1G")), "none");
}

TEST(Arrivals, RefuseBurstsThatAreNone) {
  for (const std::string on_off : {"100ms", "100ms/", "/1s", "1/2", "0/1s", "1s/0",
                                   "999ns/1s", "1s/2h", "1s/1s/1s", "1s-1s"})
    EXPECT_EQ(
        error_of(given("", "1k", on_off)),
        "--on-off: '" + on_off + "' is not ON/OFF such as 100ms/900ms, 1 us to 1 h each");
  EXPECT_EQ(error_of(given("", "1k..2k", "1s/1s")),
            "--on-off 1s/1s: bursts have one mean rate, not -R 1k..2k");
  EXPECT_EQ(error_of(given("", "1k", "1us/1h")), "none");
}

TEST(Replay, ComesWhenTheFileSays) {
  const std::string path = file_of(
      "# seconds\n0\n  0.25 # the second\r\n\n0.25\n\t1.000000001\n1e0 is not read\n");
  EXPECT_EQ(error_of(given("", "", "", path)).find(":7: '1e0 is not read' is no moment"),
            ("--replay: " + path).size());
  const ArrivalPlan plan =
      parse_arrivals(given("", "", "",
                           file_of("# seconds\n0\n  0.25 # the second\r\n\n0.25\n"
                                   "\t1.000000001\n604800")));
  Schedule schedule(plan, 1);
  for (const std::int64_t moment :
       {0L, 250'000'000L, 250'000'000L, 1'000'000'001L, 604'800'000'000'000L}) {
    EXPECT_EQ(schedule.peek(), moment);
    schedule.pop();
  }
  EXPECT_EQ(schedule.peek(), std::nullopt);
  schedule.pop();
  EXPECT_EQ(schedule.peek(), std::nullopt);
  EXPECT_EQ(schedule.popped(), 5u);
}

TEST(Replay, IsSharedByItsStripes) {
  const ArrivalPlan plan =
      parse_arrivals(given("", "", "", file_of("0\n1\n2\n3\n4\n5\n6\n")));
  for (std::size_t stripe = 0; stripe < 9; ++stripe) {
    Schedule schedule(plan, 1, stripe, 9);
    EXPECT_EQ(schedule.peek().has_value(), stripe < 7);
    EXPECT_EQ(schedule.peek().value_or(-1),
              stripe < 7 ? static_cast<std::int64_t>(stripe) * 1'000'000'000 : -1);
    schedule.pop();
    EXPECT_EQ(schedule.peek(), std::nullopt);
  }
  Schedule schedule(plan, 1, 1, 3);
  schedule.pop();
  EXPECT_EQ(schedule.peek(), 4'000'000'000);
  schedule.pop();
  EXPECT_EQ(schedule.peek(), std::nullopt);
}

TEST(Replay, RefusesAFileThatIsNoneAndNamesTheLine) {
  EXPECT_EQ(replay_error("0\n1s\n"),
            "2: '1s' is no moment in seconds, such as 1.25, from 0 to 604800");
  for (const std::string text : {"-1", "604801", "1 2", "nan", "inf", "0x1", "1,5"})
    EXPECT_EQ(
        replay_error("# one\n\n" + text),
        "3: '" + text + "' is no moment in seconds, such as 1.25, from 0 to 604800");
  EXPECT_EQ(replay_error("0\n2\n1.5 # back\n"),
            "3: 1.5 comes after a later moment; they must ascend");
  EXPECT_EQ(replay_error("# nothing\n\n"), " has no moment; lines of seconds are right");
  EXPECT_EQ(error_of(given("", "", "", "/no/such/file")),
            "--replay: /no/such/file: No such file or directory");
  EXPECT_EQ(error_of(given("", "", "", testing::TempDir())),
            "--replay: " + testing::TempDir() + ": cannot be read");
}

TEST(Replay, IsAlone) {
  const std::string path = file_of("0\n");
  EXPECT_EQ(error_of(given("fixed", "", "", path)),
            "--arrivals fixed: with --replay the file alone says when requests come");
  EXPECT_EQ(error_of(given("", "1k", "", path)),
            "-R 1k: with --replay the file alone says when requests come");
  EXPECT_EQ(error_of(given("", "", "1s/1s", path)),
            "--on-off 1s/1s: with --replay the file alone says when requests come");
}

}  // namespace
}  // namespace echolab
