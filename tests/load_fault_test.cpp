// The load generator against servers that do wrong: each wrong gets its name. More of
// them, once and after right replies: wrong_server_test.cpp.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <ostream>
#include <utility>

#include "clients/load_report.hpp"
#include "common/program.hpp"
#include "tests/child_program.hpp"
#include "tests/counted_load.hpp"
#include "tests/eventually.hpp"
#include "tests/test_server.hpp"

namespace echolab::tests {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

struct Fault {
  const char* name;
  Serve serve;
  const char* kind;  ///< what each connection fails with, as in LoadErrors
  Verdict verdict = Verdict::corrupt;
};

std::ostream& operator<<(std::ostream& out, const Fault& one) {
  return out << one.name;
}

Fault fault(const char* name, Reply reply, const char* kind) {
  return {name, each(replying(std::move(reply))), kind};
}

std::vector<Fault> replies_that_are_wrong() {
  return {
      fault(
          "FlipsABit",
          [](std::string request, unsigned n) {
            if (n == 1) request[17] = static_cast<char>(request[17] ^ 4);
            return request;
          },
          "mismatch"),
      fault(
          "DropsAByteInside",
          [](std::string request, unsigned n) {
            return n == 1 ? request.erase(20, 1) : request;
          },
          "mismatch"),
      fault(
          "DropsTheLastByte",
          [](std::string request, unsigned) {
            request.pop_back();
            return request;
          },
          "timeout"),
      fault(
          "Duplicates",
          [](const std::string& request, unsigned) { return request + request; },
          "mismatch"),
      fault(
          "AddsAByte",
          [](const std::string& request, unsigned n) {
            return n == 1 ? request + 'x' : request;
          },
          "mismatch"),
      fault(
          "AnswersWithoutEnd",
          [](const std::string& request, unsigned) {
            std::string endless;
            while (endless.size() < 4 << 20) endless += request;
            return endless;
          },
          "mismatch"),
      fault(
          "StallsAfterOneReply",
          [](const std::string& request, unsigned n) { return n == 0 ? request : ""; },
          "timeout"),
  };
}

/// The reply to each of two clients goes to the other.
void swap_replies(Listener& listener) {
  const Fd a = listener.accept();
  const Fd b = listener.accept();
  for (;;) {
    const std::string from_a = take(a.get(), request_bytes);
    const std::string from_b = take(b.get(), request_bytes);
    if (from_a.size() < request_bytes || from_b.size() < request_bytes) return;
    give(a.get(), from_b);
    give(b.get(), from_a);
  }
}

void answer_early(int client) {
  give(client, "too soon");
  echo(client);
}

void answer_the_request_before(int client) {
  std::string last = take(client, request_bytes);
  give(client, last);
  for (;;) {
    std::string request = take(client, request_bytes);
    if (request.empty() || !give(client, std::exchange(last, request))) return;
  }
}

void truncate_and_close(int client) {
  give(client, take(client, request_bytes).substr(0, request_bytes / 2));
}

void truncate_and_reset(int client) {
  truncate_and_close(client);
  close_with_reset(client);
}

void reset_at_the_end(int client) {
  echo(client);
  close_with_reset(client);
}

std::vector<Fault> all_faults() {
  std::vector<Fault> faults = replies_that_are_wrong();
  faults.push_back({"AnswersEarly", each(answer_early), "mismatch"});
  faults.push_back(
      {"AnswersTheRequestBefore", each(answer_the_request_before), "mismatch"});
  faults.push_back({"TruncatesThenCloses", each(truncate_and_close), "closed_early"});
  faults.push_back({"ResetsAfterHalfAReply", each(truncate_and_reset), "reset"});
  faults.push_back({"NeverAnswers", each(listen_only), "timeout"});
  faults.push_back({"NeverAccepts", never_accept, "timeout"});
  faults.push_back({"SwapsRepliesOfTwo", swap_replies, "mismatch"});
  faults.push_back(
      {"ResetsAfterTheLastReply", each(reset_at_the_end), "reset", Verdict::failed});
  return faults;
}

class WrongServer : public testing::TestWithParam<Fault> {
 protected:
  /// A server that only stalls, or is good to the end, is held to account at the end.
  static bool ends_by_itself() {
    const bool stalls = std::string_view(GetParam().kind) == "timeout";
    return !stalls && GetParam().verdict != Verdict::failed;
  }
  static std::chrono::milliseconds duration() {
    return ends_by_itself() ? patience : 500ms;
  }
  static std::chrono::milliseconds timeout() { return slowness * 1'000ms; }
  static constexpr std::size_t clients = 2;
};

TEST_P(WrongServer, IsCaughtByRunLoad) {
  const TestServer server(GetParam().serve);
  LoadPlan plan = plan_for(server.endpoint());
  plan.connections = clients;
  plan.duration = duration();
  plan.timeout = timeout();
  const LoadResult result = run_load(plan);
  const Judgement judgement = judge(plan, result);
  EXPECT_EQ(verdict_text(judgement.verdict), verdict_text(GetParam().verdict));
  EXPECT_NE(judgement.reason.find(result.first_failure), std::string::npos);
  EXPECT_FALSE(result.first_failure.empty());
  expect_only(load_json(plan, result)["errors"], GetParam().kind, clients);
}

TEST_P(WrongServer, IsCaughtByEchoLoad) {
  const TestServer server(GetParam().serve);
  const auto ms = [](auto time) { return fmt::format("{}ms", time.count()); };
  Program load(ECHO_LOAD,
               {"--json", "-c", "2", "-w", "10ms", "-d", ms(duration()), "--timeout",
                ms(timeout()), server.endpoint().text()},
               {});
  EXPECT_EQ(load.wait(), static_cast<int>(exit_code_of(GetParam().verdict)));
  const json row = json::parse(load.output());
  EXPECT_EQ(row["verdict"], verdict_text(GetParam().verdict));
  EXPECT_NE(row["reason"], "");
  expect_only(row["errors"], GetParam().kind, clients);
}

INSTANTIATE_TEST_SUITE_P(Faults, WrongServer, testing::ValuesIn(all_faults()),
                         [](const auto& test) { return test.param.name; });

TEST(RunLoad, OneBadConnectionOfManySpoilsAll) {
  std::atomic<int> arrived{0};
  const TestServer server(each(
      [&](int client) { return ++arrived == 3 ? answer_early(client) : echo(client); }));
  LoadPlan plan = plan_for(server.endpoint(), 100);
  const LoadResult result = run_load(plan);
  EXPECT_EQ(result.errors.mismatch, 1u);
  EXPECT_EQ(result.requests, 100u);
  EXPECT_EQ(judge(plan, result).verdict, Verdict::corrupt);
}

// Whether a connection was asked before its end is seen depends on who is first.
TEST(RunLoad, SaysThatTheServerClosesAtOnce) {
  const TestServer server(each([](int) {}));
  const LoadPlan plan = plan_for(server.endpoint());
  const LoadResult result = run_load(plan);
  const LoadErrors& errors = result.errors;
  EXPECT_EQ(errors.closed_early + errors.reset, plan.connections);
  EXPECT_EQ(judge(plan, result).verdict,
            errors.lost_replies > 0 ? Verdict::corrupt : Verdict::failed);
  EXPECT_EQ(result.requests, 0u);
}

}  // namespace
}  // namespace echolab::tests
