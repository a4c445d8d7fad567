// What a load is judged to be, from its result, and how even it was.

#include <gtest/gtest.h>

#include "clients/load.hpp"
#include "clients/load_report.hpp"

namespace echolab::tests {
namespace {

/// A second of a load without a flaw, whose client used half its core.
LoadResult good_result() {
  LoadResult result;
  result.seconds = 1;
  result.requests = 1'000;
  result.connected = 4;
  result.client_cpu_ns = 0.5e9;
  result.requests_per_connection.assign(4, 250);
  return result;
}

Verdict verdict_of(const LoadResult& result, std::size_t threads = 1) {
  LoadPlan plan;
  plan.connections = 4;
  plan.threads = threads;
  return judge(plan, result).verdict;
}

TEST(Judge, ALoadWithoutAFlawIsValid) {
  const Judgement judgement = judge(LoadPlan(), good_result());
  EXPECT_EQ(judgement.verdict, Verdict::valid);
  EXPECT_EQ(judgement.reason, "");
}

TEST(Judge, ABusyClientIsClientBound) {
  LoadResult result = good_result();
  result.client_cpu_ns = 0.97e9;
  EXPECT_EQ(verdict_of(result), Verdict::client_bound);
  EXPECT_EQ(verdict_of(result, 2), Verdict::valid) << "of two cores it is half";
}

TEST(Judge, WrongBytesAreCorruptWhateverElseIsWrong) {
  LoadResult result = good_result();
  result.errors.mismatch = 1;
  result.errors.reset = 3;
  result.client_cpu_ns = 1e9;
  EXPECT_EQ(verdict_of(result), Verdict::corrupt);
}

TEST(Judge, LostRepliesAreCorrupt) {
  LoadResult result = good_result();
  result.errors.closed_early = 1;
  result.errors.lost_replies = 1;
  EXPECT_EQ(verdict_of(result), Verdict::corrupt);
}

TEST(Judge, ConnectionsThatFailBetweenRequestsAreAFailure) {
  for (const auto kind : {&LoadErrors::connect, &LoadErrors::timeout, &LoadErrors::reset,
                          &LoadErrors::closed_early}) {
    LoadResult result = good_result();
    result.errors.*kind = 1;
    EXPECT_EQ(verdict_of(result), Verdict::failed);
  }
}

TEST(Judge, EachVerdictHasItsExitCode) {
  const auto code = [](Verdict verdict) {
    return static_cast<int>(exit_code_of(verdict));
  };
  EXPECT_EQ(code(Verdict::valid), 0);
  EXPECT_EQ(code(Verdict::failed), 1);
  EXPECT_EQ(code(Verdict::corrupt), 4);
  EXPECT_EQ(code(Verdict::client_bound), 5);
  EXPECT_EQ(code(Verdict::unsteady), 6);
  EXPECT_EQ(code(Verdict::noisy), 6);
  EXPECT_EQ(code(Verdict::overloaded), 7);
}

TEST(Jain, IsOneWhenAllAreAlikeAndOneNthWhenOneHasAll) {
  LoadResult result;
  EXPECT_EQ(result.jain(), 0);
  result.requests_per_connection = {5, 5, 5};
  EXPECT_DOUBLE_EQ(result.jain(), 1);
  EXPECT_EQ(result.starved(), 0u);
  result.requests_per_connection = {0, 9, 0, 0};
  EXPECT_DOUBLE_EQ(result.jain(), 0.25);
  EXPECT_EQ(result.starved(), 3u);
}

}  // namespace
}  // namespace echolab::tests
