// The load generator against servers that do one thing wrong: each is named, by its kind
// and in words, and none holds the load up for longer than it was told.

#include "tests/wrong_server.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>

#include "clients/load_report.hpp"
#include "tests/eventually.hpp"

namespace echolab::tests {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t clients = 4;
constexpr std::size_t payload = 64;

/// What the load has to say of it, each of its clients alike.
struct Case {
  const char* name;
  Misdeed misdeed;
  Verdict verdict;
  std::uint64_t LoadErrors::*whole;  ///< the count that all clients are in
  std::uint64_t LoadErrors::*kind;   ///< and, of it, the exact one; null: none
  const char* words;                 ///< in the reason
};

std::ostream& operator<<(std::ostream& out, const Case& one) {
  return out << one.name;
}

const std::vector<Case> cases = {
    {"Alters", Misdeed::alters, Verdict::corrupt, &LoadErrors::mismatch,
     &LoadErrors::altered, "4 connections got bytes that nobody had sent (altered)"},
    {"DropsBytes", Misdeed::drops_bytes, Verdict::corrupt, &LoadErrors::mismatch,
     &LoadErrors::dropped, "5 bytes before it are missing"},
    {"Duplicates", Misdeed::duplicates, Verdict::corrupt, &LoadErrors::mismatch,
     &LoadErrors::duplicated, "4 connections got bytes of their own again (duplicated)"},
    {"Swaps", Misdeed::swaps, Verdict::corrupt, &LoadErrors::mismatch,
     &LoadErrors::swapped, "4 connections got another connection's bytes (swapped)"},
    {"AnswersEarly", Misdeed::answers_early, Verdict::corrupt, &LoadErrors::mismatch,
     &LoadErrors::unasked,
     "4 connections got bytes that they had not asked for (unasked)"},
    {"Truncates", Misdeed::truncates, Verdict::corrupt, &LoadErrors::closed_early,
     &LoadErrors::truncated, "the server closed the connection after"},
    {"TruncatesByReset", Misdeed::truncates_by_reset, Verdict::corrupt,
     &LoadErrors::reset, &LoadErrors::truncated,
     "4 connections ended in the midst of a reply (truncated)"},
    {"Closes", Misdeed::closes, Verdict::corrupt, &LoadErrors::closed_early, nullptr,
     "replies, without the next"},
    {"Resets", Misdeed::resets, Verdict::corrupt, &LoadErrors::reset, nullptr,
     "recv: Connection reset by peer after"},
    {"FallsSilent", Misdeed::falls_silent, Verdict::corrupt, &LoadErrors::timeout,
     &LoadErrors::silent, "4 connections had no reply any more (silent)"},
    {"Stalls", Misdeed::stalls, Verdict::corrupt, &LoadErrors::timeout,
     &LoadErrors::stalled, "the server is silent without any reply, sent"},
    {"NeverAccepts", Misdeed::never_accepts, Verdict::corrupt, &LoadErrors::timeout,
     &LoadErrors::stalled, "4 connections never had a reply (stalled)"}};

constexpr Nanoseconds warm_up = 10ms;
constexpr Nanoseconds window = 300ms;
constexpr Nanoseconds timeout = 1'000ms * slowness;
/// Greeting (300 ms of quiet), the load, and a timeout for what never comes; the rest is
/// for a machine that is busy.
constexpr Nanoseconds bound = 300ms + warm_up + window + 2 * timeout + 2s * slowness;

LoadPlan plan_for(const WrongServer& server) {
  LoadPlan plan;
  plan.server = server.endpoint();
  plan.connections = clients;
  plan.payload_bytes = payload;
  plan.warm_up = warm_up;
  plan.duration = window;
  plan.timeout = timeout;
  return plan;
}

LoadResult run_in_time(const LoadPlan& plan) {
  const auto began = std::chrono::steady_clock::now();
  LoadResult result = run_load(plan);
  EXPECT_LT(std::chrono::steady_clock::now() - began, bound);
  return result;
}

class WrongServerLoad : public testing::TestWithParam<std::tuple<Case, const char*>> {};

TEST_P(WrongServerLoad, IsNamedInTime) {
  const auto& [wrong, protocol] = GetParam();
  const bool speaks_work = std::string_view(protocol) == "work";
  const std::size_t frame = payload + (speaks_work ? WorkHeader::size : 0);
  for (const unsigned seed : {1u, 2u}) {
    SCOPED_TRACE(seed);
    const WrongServer server(wrong.misdeed, frame, seed);
    LoadPlan plan = plan_for(server);
    if (speaks_work) plan.work.emplace();
    const LoadResult result = run_in_time(plan);
    const Judgement judgement = judge(plan, result);
    EXPECT_EQ(judgement.verdict, wrong.verdict);
    // Who answers early may be overtaken by the request: then its bytes are wrong ones,
    // where the right ones have not come yet.
    const std::uint64_t overtaken =
        wrong.misdeed == Misdeed::answers_early ? result.errors.altered : 0;
    EXPECT_TRUE(overtaken > 0 || judgement.reason.find(wrong.words) != std::string::npos)
        << judgement.reason;
    EXPECT_EQ(result.errors.*wrong.whole, clients) << judgement.reason;
    EXPECT_EQ(result.errors.total() - result.errors.lost_replies, clients);
    const LoadErrors& e = result.errors;
    EXPECT_EQ(e.altered + e.duplicated + e.dropped + e.swapped + e.unasked + e.truncated +
                  e.stalled + e.silent,
              wrong.kind != nullptr ? clients : 0);
    if (wrong.kind != nullptr) {
      EXPECT_EQ(e.*wrong.kind + overtaken, clients) << judgement.reason;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Faults, WrongServerLoad,
                         testing::Combine(testing::ValuesIn(cases),
                                          testing::Values("echo", "work")),
                         [](const auto& test) {
                           return std::string(std::get<0>(test.param).name) + "_" +
                                  std::get<1>(test.param);
                         });

// Between requests of a client that waits for each, no reply can be left out unseen.
TEST(WrongServer, ThatLeavesOutOneReplyOfSeveralHasDroppedIt) {
  const WrongServer server(Misdeed::drops_a_reply, payload, 1);
  LoadPlan plan = plan_for(server);
  plan.pipeline = 8;
  const LoadResult result = run_in_time(plan);
  EXPECT_EQ(result.errors.mismatch, clients);
  EXPECT_EQ(result.errors.dropped, clients) << result.first_failure;
  EXPECT_NE(result.first_failure.find("64 bytes are missing"), std::string::npos)
      << result.first_failure;
}

TEST(WrongServer, ThatLeavesOutTheOnlyReplyIsSilent) {
  const WrongServer server(Misdeed::drops_a_reply, payload, 1);
  const LoadResult result = run_in_time(plan_for(server));
  EXPECT_EQ(result.errors.silent, clients);
  EXPECT_EQ(result.errors.lost_replies, clients);
}

// The greeting takes the first reply, so the delay may come before the window.
TEST(WrongServer, ThatHoldsUpAReplyMakesNoErrorAndNoOtherVerdictButAWarning) {
  const WrongServer server(Misdeed::delays, payload, 1);
  LoadPlan plan = plan_for(server);
  plan.warm_up = 0ms;
  plan.duration = 700ms;
  const LoadResult result = run_in_time(plan);
  EXPECT_EQ(result.errors.total(), 0u) << result.first_failure;
  EXPECT_NE(judge(plan, result).verdict, Verdict::corrupt);
  EXPECT_GT(result.response.max_ns(), 390'000'000u);
  ASSERT_TRUE(result.slowest_at_ns.has_value());
  EXPECT_GT(*result.slowest_at_ns, 0);
  const std::string table = load_table(plan, result);
  EXPECT_NE(table.find("a response was held up: 4"), std::string::npos) << table;
}

TEST(WrongServer, ThatRepliesByteByByteIsRight) {
  const WrongServer server(Misdeed::drips, payload, 1);
  const LoadPlan plan = plan_for(server);
  const LoadResult result = run_in_time(plan);
  EXPECT_EQ(result.errors.total(), 0u) << result.first_failure;
  EXPECT_GT(result.requests, 0u);
}

/// Every client loses its connection sooner or later, one out of 20 requests.
void expect_all_ended_at_random(Misdeed misdeed, std::uint64_t LoadErrors::*kind) {
  for (unsigned seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    const WrongServer server(misdeed, payload, seed);
    LoadPlan plan = plan_for(server);
    plan.connections = 16;
    plan.warm_up = 100ms;
    const LoadResult result = run_in_time(plan);
    EXPECT_EQ(result.errors.*kind, plan.connections) << result.first_failure;
    EXPECT_EQ(result.errors.lost_replies, plan.connections);
    EXPECT_EQ(result.errors.truncated, 0u);
    EXPECT_EQ(judge(plan, result).verdict, Verdict::corrupt);
  }
}

TEST(WrongServer, ThatClosesAtRandomIsToldByEveryConnection) {
  expect_all_ended_at_random(Misdeed::closes_at_random, &LoadErrors::closed_early);
}

TEST(WrongServer, ThatResetsAtRandomIsToldByEveryConnection) {
  expect_all_ended_at_random(Misdeed::resets_at_random, &LoadErrors::reset);
}

TEST(WrongServer, OfEveryKindIsToldInTableAndJson) {
  LoadPlan plan;
  LoadResult result;
  result.errors = {.timeout = 2,
                   .reset = 1,
                   .mismatch = 3,
                   .lost_replies = 6,
                   .altered = 1,
                   .swapped = 2,
                   .truncated = 1,
                   .silent = 2};
  const std::string table = load_table(plan, result);
  EXPECT_NE(
      table.find("wrong bytes 3, lost replies 6 (1 altered, 2 swapped, 1 truncated, "
                 "2 silent)"),
      std::string::npos)
      << table;
  EXPECT_NE(
      table.find("CORRUPT: 1 connection got bytes that nobody had sent (altered), 2 "
                 "connections got another connection's bytes (swapped)"),
      std::string::npos)
      << table;
  const auto errors = load_json(plan, result)["errors"];
  EXPECT_EQ(errors["mismatch"], 3);
  EXPECT_EQ(errors["swapped"], 2);
  EXPECT_EQ(errors["stalled"], 0);
  EXPECT_EQ(errors["silent"], 2);
}

TEST(Judge, AResponseOf200MsAndTenMediansIsAWarningAndAShorterOneIsNot) {
  const auto warnings = [](std::int64_t usual_ns, std::int64_t slowest_ns) {
    LoadResult result;
    result.seconds = 1;
    for (int i = 0; i < 99; ++i) result.response.record(usual_ns);
    result.response.record(slowest_ns);
    result.requests = 100;
    result.slowest_at_ns = 250'000'000;
    return judge({}, result).warnings;
  };
  EXPECT_TRUE(warnings(1'000'000, 190'000'000).empty());
  EXPECT_TRUE(warnings(50'000'000, 300'000'000).empty());
  const auto warned = warnings(1'000'000, 300'000'000);
  ASSERT_EQ(warned.size(), 1u);
  EXPECT_NE(warned[0].find("300 times the median, at 250 ms of the window"),
            std::string::npos)
      << warned[0];
}

}  // namespace
}  // namespace echolab::tests
