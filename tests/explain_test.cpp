// The explanation of a result: it says what the verdict allows, and no more.

#include "clients/explain.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "clients/load_report.hpp"

namespace echolab {
namespace {

constexpr Verdict all_verdicts[] = {
    Verdict::valid, Verdict::client_bound, Verdict::overloaded, Verdict::unsteady,
    Verdict::noisy, Verdict::corrupt,      Verdict::failed};

LoadPlan closed_plan() {
  return {};
}

LoadPlan open_plan() {
  LoadPlan plan;
  plan.workload.arrivals = ArrivalPlan{.rate = 12'345, .replay = nullptr};
  return plan;
}

/// 12 345 requests in a second, 98 % of 1.2 ms and 2 % of 87.6 ms; figures that nothing
/// else shows.
LoadResult result() {
  LoadResult result;
  result.seconds = 1;
  result.requests = result.offered = 12'345;
  for (int i = 0; i < 10'000; ++i) {
    const bool slow = i % 50 == 0;
    result.response.record(slow ? 87'600'000 : 1'200'000);
    result.details->service.record(900'000);
    result.details->blocked.record(225'000);
    result.details->lag.record(75'000);
  }
  result.client_cpu_ns = 0.37e9;
  result.requests_per_connection.assign(16, 771);
  return result;
}

std::string said(const LoadPlan& plan, const LoadResult& result, Verdict verdict) {
  const std::string reason = verdict == Verdict::valid ? "" : "the reason";
  std::string text;
  for (const std::string& sentence : explain(plan, result, {verdict, reason}))
    text += sentence + "\n";
  return text;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

TEST(Explain, names_the_verdict_its_reason_and_what_to_try_next) {
  for (const LoadPlan& plan : {closed_plan(), open_plan()})
    for (const Verdict verdict : all_verdicts) {
      const std::string text = said(plan, result(), verdict);
      EXPECT_TRUE(has(text, fmt::format("\n{}: ", verdict_text(verdict)))) << text;
      EXPECT_EQ(has(text, "the reason"), verdict != Verdict::valid) << text;
      const std::size_t next = text.find("\nNext: ");
      ASSERT_NE(next, text.npos) << text;
      EXPECT_NE(text.find(" -", next), text.npos) << "a flag: " << text;
      for (const Verdict other : all_verdicts)
        EXPECT_TRUE(other == verdict || !has(text, std::string(verdict_text(other))))
            << text;
    }
}

TEST(Explain, says_what_a_closed_and_an_open_loop_are) {
  for (const Verdict verdict : all_verdicts) {
    const std::string closed = said(closed_plan(), result(), verdict);
    EXPECT_TRUE(has(closed, "closed loop: each of 16 clients waits")) << closed;
    EXPECT_FALSE(has(closed, "open loop") || has(closed, "blocked")) << closed;
    const std::string open = said(open_plan(), result(), verdict);
    EXPECT_TRUE(has(open, "in an open loop")) << open;
    EXPECT_FALSE(has(open, "closed loop")) << open;
  }
  LoadPlan sessions = open_plan();
  sessions.workload.session_requests = 4;
  EXPECT_TRUE(has(said(sessions, result(), Verdict::valid), "sessions of 4 requests"));
}

TEST(Explain, tells_no_number_of_a_load_that_is_corrupt_or_failed) {
  for (const LoadPlan& plan : {closed_plan(), open_plan()})
    for (const Verdict verdict : {Verdict::corrupt, Verdict::failed}) {
      const std::string text = said(plan, result(), verdict);
      for (const char* figure : {"requests/s", "12.3k", "1.20 ms", "87.6 ms", "37 %"})
        EXPECT_FALSE(has(text, figure)) << figure << ": " << text;
    }
}

TEST(Explain, tells_no_average_of_a_load_that_changed) {
  for (const LoadPlan& plan : {closed_plan(), open_plan()}) {
    const std::string text = said(plan, result(), Verdict::unsteady);
    for (const char* figure : {"12.3k", "1.20 ms", "87.6 ms", "75 %"})
      EXPECT_FALSE(has(text, figure)) << figure << ": " << text;
  }
}

TEST(Explain, tells_bounds_where_the_client_or_noise_was_the_limit) {
  for (const LoadPlan& plan : {closed_plan(), open_plan()})
    for (const Verdict verdict : {Verdict::client_bound, Verdict::noisy}) {
      const std::string text = said(plan, result(), verdict);
      EXPECT_TRUE(has(text, "at least 12.3k requests/s")) << text;
      EXPECT_FALSE(has(text, "answered 12.3k")) << text;
      EXPECT_TRUE(has(text, "at most this long")) << text;
      EXPECT_FALSE(has(text, "was not the limit")) << text;
      EXPECT_FALSE(has(text, "Nothing shows")) << text;
      EXPECT_FALSE(has(text, "its pace")) << text;
    }
  EXPECT_TRUE(has(said(closed_plan(), result(), Verdict::client_bound), "-t 2"));
}

TEST(Explain, tells_the_numbers_of_a_valid_load_as_they_are) {
  for (const LoadPlan& plan : {closed_plan(), open_plan()}) {
    const std::string text = said(plan, result(), Verdict::valid);
    EXPECT_TRUE(has(text, "answered 12.3k requests/s")) << text;
    EXPECT_TRUE(has(text, "Half of the requests took 1.20 ms or less")) << text;
    EXPECT_TRUE(has(text, "one request in a hundred took longer than 87.6 ms")) << text;
    EXPECT_TRUE(has(text, "used 37 %")) << text;
    EXPECT_FALSE(has(text, "at least") || has(text, "at most")) << text;
  }
  EXPECT_TRUE(has(said(closed_plan(), result(), Verdict::valid), "Next: -R 8.23k"));
  EXPECT_TRUE(has(said(open_plan(), result(), Verdict::valid), "--search 'p99<200ms'"));
}

TEST(Explain, tells_how_the_server_fell_behind_and_no_response_times) {
  LoadResult behind = result();
  behind.offered = 20'000;
  behind.unfinished = 5'000;
  const std::string text = said(open_plan(), behind, Verdict::overloaded);
  EXPECT_TRUE(has(text, "20.0k requests/s arrived, 12.3k requests/s were answered"))
      << text;
  EXPECT_FALSE(has(text, "Half of the requests") || has(text, "all that arrived"))
      << text;
  EXPECT_TRUE(has(text, "Next: -R 9.88k")) << text;
}

TEST(Explain, tells_where_the_time_went_in_an_open_loop) {
  const std::string text = said(open_plan(), result(), Verdict::valid);
  EXPECT_TRUE(has(text, "19 % until a connection was free")) << text;
  EXPECT_TRUE(has(text, "6 % until the client had sent it")) << text;
  EXPECT_TRUE(has(text, "75 % from then to the verified reply")) << text;
}

TEST(Explain, claims_all_that_arrived_only_where_it_was_answered) {
  LoadResult some = result();
  EXPECT_TRUE(has(said(open_plan(), some, Verdict::valid), ", all that arrived"));
  some.dropped = 5;
  const std::string text = said(open_plan(), some, Verdict::valid);
  EXPECT_TRUE(has(text, "nearly all that arrived")) << text;
  EXPECT_TRUE(has(text, "5 of 12345 arrivals found no free connection")) << text;
}

TEST(Explain, says_that_too_few_requests_tell_no_p99) {
  LoadResult few = result();
  few.response = Histogram();
  for (int i = 0; i < 367; ++i) few.response.record(1'200'000);
  const std::string text = said(closed_plan(), few, Verdict::valid);
  EXPECT_TRUE(has(text, "cannot be told from 367 requests")) << text;
  EXPECT_FALSE(has(text, "in a hundred took longer")) << text;
}

TEST(Explain, says_who_had_nothing_and_of_whom_the_numbers_are) {
  LoadResult unfair = result();
  EXPECT_FALSE(has(said(closed_plan(), unfair, Verdict::valid), "alike"));
  unfair.requests_per_connection = {12'345, 0, 0, 0};
  const std::string text = said(closed_plan(), unfair, Verdict::valid);
  EXPECT_TRUE(has(text, "3 of 4 had none at all")) << text;
  EXPECT_TRUE(has(text, "its pace with the 1 client that it served")) << text;
  EXPECT_FALSE(has(said(open_plan(), unfair, Verdict::valid), "alike"))
      << "in an open loop whoever is free gets the next";
}

TEST(Explain, says_how_near_the_clients_ceiling_was_where_it_is_known) {
  LoadResult known = result();
  EXPECT_TRUE(has(said(closed_plan(), known, Verdict::valid), "--calibrate"));
  known.ceiling = Ceiling{.requests_per_second = 49'380, .n = 3, .made = ""};
  const std::string text = said(closed_plan(), known, Verdict::valid);
  EXPECT_TRUE(has(text, "reached 25 % of its ceiling")) << text;
  EXPECT_TRUE(has(text, "it was not the limit")) << text;
}

TEST(Explain, says_of_whom_it_speaks_where_there_are_several_classes) {
  LoadPlan plan = closed_plan();
  EXPECT_FALSE(has(said(plan, result(), Verdict::valid), "class"));
  plan.name = "good";
  plan.company.emplace_back();
  EXPECT_TRUE(has(said(plan, result(), Verdict::valid), "of the first class, 'good'"));
}

TEST(Explain, does_not_take_a_client_that_never_sleeps_for_busy) {
  LoadPlan plan = open_plan();
  plan.spin = true;
  LoadResult spinning = result();
  spinning.client_cpu_ns = 1e9;
  const std::string text = said(plan, spinning, Verdict::valid);
  EXPECT_FALSE(has(text, "used 100 %")) << text;
  EXPECT_TRUE(has(text, "never sleeps (--spin)")) << text;
}

TEST(Explain, passes_warnings_on_and_says_that_it_was_cut_short) {
  LoadResult cut = result();
  cut.interrupted = true;
  const auto sentences = explain(closed_plan(), cut, {Verdict::valid, "", {"be wary"}});
  EXPECT_EQ(std::ranges::count(sentences, "Mind: be wary."), 1);
  EXPECT_TRUE(has(said(closed_plan(), cut, Verdict::valid), "interrupted"));
}

TEST(Explain, is_no_wider_than_it_may_be_and_loses_no_word) {
  const auto sentences = explain(open_plan(), result(), {Verdict::valid, ""});
  const std::string text = explanation_text(sentences, 60);
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = text.find('\n', begin);
    EXPECT_LE(end - begin, 60U) << text.substr(begin, end - begin);
    begin = end + 1;
  }
  for (const std::string& sentence : sentences)
    for (const std::string& word : split(sentence, ' ')) EXPECT_TRUE(has(text, word));
}

}  // namespace
}  // namespace echolab
