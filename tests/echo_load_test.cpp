// echo_load as a program: what it prints, and how it ends.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tests/child_program.hpp"
#include "tests/counted_load.hpp"
#include "tests/eventually.hpp"
#include "tests/test_server.hpp"

namespace echolab::tests {
namespace {

using nlohmann::json;

TEST(EchoLoad, PrintsATableAndEndsWithZeroWhenValid) {
  const TestServer server(each(replying(reply_slowly)));
  Program load(ECHO_LOAD, {"-q", "-n", "50", server.endpoint().text()}, {});
  EXPECT_EQ(load.wait(), 0);
  EXPECT_EQ(load.errors(), "");
  EXPECT_NE(load.output().find("50 verified"), std::string::npos) << load.output();
  EXPECT_NE(load.output().find("VALID"), std::string::npos);
}

TEST(EchoLoad, JsonHasTheMembersOfATrialRow) {
  const TestServer server(each(replying(reply_slowly)));
  Program load(ECHO_LOAD, {"--json", "-n", "50", "-c", "3", server.endpoint().text()},
               {});
  EXPECT_EQ(load.wait(), 0);
  const json row = json::parse(load.output());
  for (const char* member : {"/schema_version",
                             "/verdict",
                             "/reason",
                             "/seconds",
                             "/requests",
                             "/requests_per_second",
                             "/errors/connect",
                             "/errors/reset",
                             "/errors/closed_early",
                             "/errors/mismatch",
                             "/errors/timeout",
                             "/errors/lost_replies",
                             "/latency_ns/n",
                             "/latency_ns/mean",
                             "/latency_ns/min",
                             "/latency_ns/p50",
                             "/latency_ns/p90",
                             "/latency_ns/p99",
                             "/latency_ns/p999",
                             "/latency_ns/max",
                             "/histogram/0/2",
                             "/fairness/jain",
                             "/fairness/slowest_requests",
                             "/fairness/fastest_requests",
                             "/fairness/starved",
                             "/fairness/longest_starvation_ns",
                             "/fairness/requests_per_client/2",
                             "/client/cpu_ns_per_request",
                             "/client/cpu_cores_used",
                             "/client/threads"})
    EXPECT_TRUE(row.contains(json::json_pointer(member))) << member;
  EXPECT_EQ(row["schema_version"], 1);
  EXPECT_EQ(row["requests"], 50);
  EXPECT_EQ(row["partial"], false);
  EXPECT_TRUE(row["latency_ns"]["p50"].is_number());
  EXPECT_TRUE(row["latency_ns"]["p99"].is_null()) << "n too small";
  EXPECT_EQ(row["plan"]["connections"], 3);
}

TEST(EchoLoad, NothingListensIsUnreachable) {
  const RefusingServer server;
  for (const std::string& endpoint :
       {server.endpoint().text(), std::string("unix:///nowhere/echo.sock")}) {
    Program load(ECHO_LOAD, {"-q", endpoint}, {});
    EXPECT_EQ(load.wait(), 3);
    expect_one_line(load, "echo_load: " + endpoint);
  }
}

TEST(EchoLoad, MoreConnectionsThanTheLimitsAllowIsAUsageError) {
  const TestServer server(never_accept);
  Program load(ECHO_LOAD, {"-q", "-c", "1000", server.endpoint().text()},
               {.descriptors = 200});
  EXPECT_EQ(load.wait(), 2);
  expect_one_line(load, "echo_load: --connections 1000: needs ");
  EXPECT_NE(load.errors().find("the limit is 200"), std::string::npos);
}

TEST(EchoLoad, AWrongCommandLineIsAUsageErrorThatNamesTheOption) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> wrong = {
      {{"-c", "0"}, "--connections"},
      {{"-d", "10"}, "--duration"},
      {{"-t", "8", "-c", "4"}, "--threads"},
      {{"-t", "2", "-n", "1"}, "--requests"},
      {{"-s", "0"}, "--size"},
      {{"--jsn"}, "unknown option '--jsn', did you mean"},
      {{"nonsense"}, "'nonsense'"}};
  for (const auto& [arguments, named] : wrong) {
    Program load(ECHO_LOAD, arguments, {});
    EXPECT_EQ(load.wait(), 2) << named;
    expect_one_line(load, "echo_load: " + named);
  }
}

TEST(EchoLoad, AnInterruptPrintsThePartOfTheResult) {
  std::atomic<int> replies{0};
  const TestServer server(each(replying([&](std::string request, unsigned) {
    ++replies;
    return request;
  })));
  Program load(ECHO_LOAD, {"--json", "-d", "1h", "-w", "10ms", server.endpoint().text()},
               {});
  ASSERT_TRUE(load.said("measuring"));
  const int before = replies;
  ASSERT_TRUE(eventually([&] { return replies > before + 1'000; }));
  load.signal(SIGINT);
  EXPECT_EQ(load.wait(), 130);
  const json row = json::parse(load.output());
  EXPECT_EQ(row["partial"], true);
  EXPECT_GT(row["requests"], 0);
  EXPECT_LT(row["seconds"], 3'600);
  expect_only(row["errors"], "none", 0);
}

TEST(EchoLoad, AnInterruptEndsItWhileItConnects) {
  const TestServer server(never_accept, any_port, {.backlog = 0});
  Program load(ECHO_LOAD, {"--json", "--timeout", "1h", server.endpoint().text()}, {});
  ASSERT_TRUE(load.said("connecting"));
  load.signal(SIGTERM);
  EXPECT_EQ(load.wait(), 130);
  EXPECT_EQ(json::parse(load.output())["requests"], 0);
}

TEST(EchoLoad, ASecondInterruptEndsItAtOnce) {
  const TestServer server(each(listen_only));
  Program load(
      ECHO_LOAD,
      {"--json", "-d", "1h", "--timeout", "1h", "-w", "10ms", server.endpoint().text()},
      {});
  ASSERT_TRUE(load.said("measuring"));
  load.signal(SIGINT);
  ASSERT_TRUE(load.said("draining"));
  load.signal(SIGINT);
  EXPECT_EQ(load.wait(), 130);
  EXPECT_EQ(load.output(), "");
}

TEST(EchoLoad, AResultThatCannotBeWrittenIsAFailure) {
  const TestServer server(each(replying(reply_slowly)));
  const Fd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  Program load(ECHO_LOAD, {"-q", "-n", "20", server.endpoint().text()},
               {.output = full.get()});
  EXPECT_EQ(load.wait(), 1);
  expect_one_line(load, "echo_load: writing");
}

}  // namespace
}  // namespace echolab::tests
