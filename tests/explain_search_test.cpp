// The explanation of a search: what was sought and found, and no limit that is not the
// server's.

#include "clients/explain_search.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace echolab {
namespace {

using namespace std::chrono_literals;
using Kind = RateAnswer::Kind;

constexpr Kind all_kinds[] = {Kind::unfinished, Kind::interval, Kind::at_least,
                              Kind::none_kept,  Kind::noisy,    Kind::spent,
                              Kind::too_few,    Kind::failed};
constexpr double kept_rate = 3'210;
constexpr double broken_rate = 3'350;

/// Two trials: at 3.21k, which kept the promise, and at 3.35k, which did not.
SearchRecord record(Kind kind, std::optional<Outcome> upper, bool has_kept = true) {
  SearchRecord record;
  record.plan.connections = 77;
  record.plan.duration = 10s;
  record.plan.workload.arrivals.emplace();
  record.promise = LatencyPromise::parse("--search", "p99<2ms");
  record.search.samples = 368;
  SearchTrial trial;
  trial.asked = {RateTrial::Purpose::confirm, kept_rate, 10s};
  record.trials.push_back(trial);
  trial.asked.rate = broken_rate;
  trial.judgement = {Verdict::corrupt, "the reason"};
  trial.row = {{"blocked_ns", {{"mean", 250'000.0}}},
               {"lag_ns", {{"mean", 50'000.0}}},
               {"service_ns", {{"mean", 700'000.0}}}};
  record.trials.push_back(trial);
  record.answer.kind = kind;
  if (has_kept) record.answer.kept = {kept_rate, Outcome::kept, true, 1};
  if (upper) record.answer.broken = {broken_rate, *upper, true, 2};
  return record;
}

std::string said(const SearchRecord& record) {
  std::string text;
  for (const std::string& sentence : explain_search(record)) text += sentence + "\n";
  return text;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

TEST(ExplainSearch, SaysWhatWasSoughtAndWhatToTryNext) {
  for (const Kind kind : all_kinds) {
    const auto upper = kind == Kind::too_few || kind == Kind::failed
                           ? std::nullopt
                           : std::optional(Outcome::broken);
    const std::string text = said(record(kind, upper, kind != Kind::none_kept));
    EXPECT_TRUE(has(text, "p99<2ms still holds, with 77 connections")) << text;
    EXPECT_TRUE(has(text, "2 loads of one rate each were tried, 20.0 s")) << text;
    const std::size_t next = text.find("\nNext: ");
    ASSERT_NE(next, text.npos) << text;
    EXPECT_NE(text.find(" -", next), text.npos) << "a flag: " << text;
  }
}

TEST(ExplainSearch, TellsBothEndsAndHowSureTheyAre) {
  SearchRecord found = record(Kind::interval, Outcome::broken);
  EXPECT_TRUE(has(said(found),
                  "Up to 3.21k requests/s it held: confirmed by a load of "
                  "10.0 s."));
  EXPECT_TRUE(has(said(found), "At 3.35k requests/s it did not: confirmed"));
  EXPECT_TRUE(has(said(found), "4.4 % apart"));
  found.answer.doubts = true;
  EXPECT_TRUE(has(said(found), "held in one load and broke in another"));
  EXPECT_FALSE(has(said(found), "4.4 % apart")) << "no more precise than it is";
  found.answer.broken->confirmed = false;
  EXPECT_TRUE(has(said(found), "it did not: not confirmed, only seen in a load of"));
  EXPECT_TRUE(
      has(said(record(Kind::at_least, {})), "No rate is known at which it broke"));
  EXPECT_TRUE(has(said(record(Kind::none_kept, Outcome::broken, false)),
                  "No rate is known at which it held"));
}

TEST(ExplainSearch, NamesTheServerAsTheLimitOnlyWhereItWas) {
  struct Limit {
    std::optional<Outcome> upper;
    const char* says;
    bool of_the_server;
    bool with_reason;
  };
  const Limit all[] = {{Outcome::overloaded, "the server's throughput", true, true},
                       {Outcome::broken, "replies came too late", true, false},
                       {Outcome::client_bound, "a lower bound", false, true},
                       {Outcome::noisy, "may be the machine", false, true},
                       {{}, "Nothing limited the server", false, false}};
  for (const Limit& limit : all) {
    const std::string text = said(record(Kind::spent, limit.upper));
    EXPECT_TRUE(has(text, limit.says)) << text;
    EXPECT_EQ(has(text, "the server's throughput") || has(text, "is the response time"),
              limit.of_the_server)
        << text;
    EXPECT_EQ(has(text, "the reason"), limit.with_reason) << text;
  }
  EXPECT_TRUE(has(said(record(Kind::too_few, {}, false)), "is not known"));
}

TEST(ExplainSearch, TellsWhereTheTimeWentThatBrokeThePromise) {
  SearchRecord found = record(Kind::interval, Outcome::broken);
  const std::string text = said(found);
  EXPECT_TRUE(has(text, "25 % until a connection was free")) << text;
  EXPECT_TRUE(has(text, "5 % until the client had sent it")) << text;
  EXPECT_TRUE(has(text, "70 % from then to the reply")) << text;
  found.trials.back().row = nullptr;  // no load, no parts
  EXPECT_FALSE(has(said(found), "until a connection was free"));
}

TEST(ExplainSearch, SaysWhyItEndedBeforeItKnew) {
  EXPECT_TRUE(has(said(record(Kind::noisy, Outcome::broken)), "contradicted"));
  EXPECT_TRUE(has(said(record(Kind::spent, Outcome::broken)), "longer than it may"));
  EXPECT_TRUE(has(said(record(Kind::too_few, {}, false)), "takes 368 responses"));
  EXPECT_TRUE(has(said(record(Kind::failed, {})),
                  "was CORRUPT, so the search ended: the "
                  "reason"));
  SearchRecord stopped = record(Kind::unfinished, Outcome::broken);
  stopped.interrupted = true;
  EXPECT_TRUE(has(said(stopped), "was interrupted"));
  stopped.trials.clear();
  stopped.answer = {};
  EXPECT_TRUE(has(said(stopped), "0 loads")) << "before the first load had ended";
}

TEST(ExplainSearch, MindsArrivalsThatAreEvenlySpaced) {
  SearchRecord found = record(Kind::interval, Outcome::broken);
  EXPECT_FALSE(has(said(found), "evenly spaced"));
  found.plan.workload.arrivals->law = ArrivalPlan::Law::fixed;
  EXPECT_TRUE(has(said(found), "evenly spaced"));
}

}  // namespace
}  // namespace echolab
