// Open and partly open loops: what should be sent is sent, a stall is told whole, and who
// could not keep up has a name.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <iostream>
#include <thread>
#include <tuple>

#include "clients/load_clock.hpp"
#include "clients/load_report.hpp"
#include "tests/server_process.hpp"

namespace echolab::tests {
namespace {

using namespace std::chrono_literals;

constexpr const char* any_port = "tcp://127.0.0.1:0";

LoadPlan open_plan(const Endpoint& server, double rate, Nanoseconds duration) {
  LoadPlan plan;
  plan.server = server;
  plan.connections = 16;
  plan.warm_up = 50ms;
  plan.duration = duration;
  plan.timeout = patience;
  plan.workload.arrivals =
      ArrivalPlan{.law = ArrivalPlan::Law::fixed, .rate = rate, .replay = nullptr};
  return plan;
}

/// How many took `least` or longer; the bucket that holds it counts as well.
std::uint64_t count_from(const Histogram& times, Nanoseconds least) {
  std::uint64_t count = 0;
  for (const auto& bucket : times.non_empty())
    if (bucket.upper_ns >= static_cast<std::uint64_t>(least.count()))
      count += bucket.count;
  return count;
}

/// A server that takes `work` for each request, one at a time.
std::vector<std::string> slow_server(const char* most) {
  return {"--protocol", "work", "--max-work", most};
}

TEST(OpenLoad, SendsWhatItsScheduleSaysAndFollowsEachToItsReply) {
  const ServerProcess server("epoll_level", any_port);
  LoadPlan plan = open_plan(server.endpoint(), 2'000, 500ms);
  for (const std::size_t threads : {1U, 3U}) {
    plan.threads = threads;
    const LoadResult result = run_load(plan);
    EXPECT_EQ(result.errors.total(), 0U) << result.first_failure;
    // All threads have the window's moments from one timetable.
    EXPECT_EQ(result.seconds, 0.5);
    EXPECT_NEAR(static_cast<double>(result.offered), 1'000, 1);
    EXPECT_EQ(result.response.count(), result.offered);
    EXPECT_EQ(result.details->service.count(), result.offered);
    EXPECT_EQ(result.details->lag.count(), result.offered);
    EXPECT_EQ(result.dropped, 0U);
    EXPECT_EQ(result.unfinished, 0U);
    EXPECT_EQ(result.details->connect.count(), plan.connections);
    EXPECT_EQ(result.details->first_byte.count(), plan.connections);
    EXPECT_EQ(result.details->close.count(), plan.connections);
  }
}

TEST(OpenLoad, AResponseIsTheSumOfItsParts) {
  const ServerProcess server("epoll_level", any_port);
  const LoadPlan plan = open_plan(server.endpoint(), 1'000, 300ms);
  const LoadResult result = run_load(plan);
  const LoadDetails& parts = *result.details;
  EXPECT_NEAR(result.response.mean_ns(),
              parts.service.mean_ns() + parts.blocked.mean_ns() + parts.lag.mean_ns(), 1);
}

TEST(OpenLoad, AStallIsToldWholeInTheResponseAndHiddenByANaiveStamp) {
  const ServerProcess server("epoll_level", any_port);
  const LoadPlan plan = open_plan(server.endpoint(), 1'000, 3s);
  LoadEvents events;
  std::jthread stalling;
  events.window_begins = [&] {
    stalling = std::jthread([&] {
      std::this_thread::sleep_for(700ms);
      ::kill(server.model_pid(), SIGSTOP);
      std::this_thread::sleep_for(1s);
      ::kill(server.model_pid(), SIGCONT);
    });
  };
  const LoadResult result = run_load(plan, events);
  EXPECT_EQ(result.errors.total(), 0U) << result.first_failure;
  // 1 000 arrive in that second, 950 of them more than 50 ms before its end.
  EXPECT_GE(count_from(result.response, 50ms), 900U);
  EXPECT_GE(result.response.max_ns(), 900'000'000U);
  // A connection has one request outstanding: a loop that waits for replies sees so many.
  EXPECT_LE(count_from(result.details->service, 500ms), plan.connections);
  EXPECT_GE(count_from(result.details->blocked, 100ms), 800U);
}

TEST(OpenLoad, AServerThatCannotKeepUpIsOverloaded) {
  const ServerProcess server("epoll_level", any_port, {.flags = slow_server("20ms")});
  LoadPlan plan = open_plan(server.endpoint(), 1'000, 500ms);
  plan.work = WorkMix{.block = 5ms};  // 200 requests/s at most
  plan.timeout = 2s;
  const LoadResult result = run_load(plan);
  const Judgement judgement = judge(plan, result);
  EXPECT_EQ(judgement.verdict, Verdict::overloaded) << judgement.reason;
  EXPECT_GT(result.backlog_growth, 100);
  EXPECT_GT(result.unfinished, 0U) << "what the server never came to is counted";
  EXPECT_EQ(result.response.count(), result.offered);
  EXPECT_EQ(result.errors.total(), 0U) << result.first_failure;
}

TEST(OpenLoad, WhatFindsNoFreeConnectionIsDroppedWhereThatWasAskedFor) {
  const ServerProcess server("epoll_level", any_port, {.flags = slow_server("20ms")});
  LoadPlan plan = open_plan(server.endpoint(), 1'000, 500ms);
  plan.connections = 1;
  plan.work = WorkMix{.block = 5ms};
  plan.workload.on_busy = OnBusy::drop;
  LoadEvents events;  // the load goes on after the window, and drops: that is not counted
  events.window_ended = [] { std::this_thread::sleep_for(400ms); };
  const LoadResult result = run_load(plan, events);
  EXPECT_NEAR(static_cast<double>(result.offered), 1'000 * result.seconds, 100);
  EXPECT_GT(result.dropped, result.offered / 2);
  EXPECT_EQ(result.response.count() + result.dropped, result.offered);
  EXPECT_LE(count_from(result.details->blocked, 1ms), result.response.count() / 10)
      << "nobody waits for a connection";
  EXPECT_EQ(judge(plan, result).verdict, Verdict::overloaded);
}

/// Whether the arrivals that it missed find connections free, or those that are taken by
/// the burst of the others: it was the client that held them up.
class HeldUp : public ::testing::TestWithParam<std::pair<std::size_t, OnBusy>> {};

TEST_P(HeldUp, ClientIsClientBound) {
  const ServerProcess server("epoll_level", any_port);
  LoadPlan plan = open_plan(server.endpoint(), 1'000, 2s);
  plan.threads = 1;
  std::tie(plan.connections, plan.workload.on_busy) = GetParam();
  int window[2];
  ASSERT_EQ(::pipe(window), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    LoadEvents events;
    events.window_begins = [&] { ::close(window[1]); };
    ::close(window[0]);
    LoadResult result = run_load(plan, events);
    result.clock_late_ns_p99 = 0;  // a machine whose clock is late excuses a client
    const bool is_client_bound = judge(plan, result).verdict == Verdict::client_bound;
    if (!is_client_bound) std::cerr << load_table(plan, result);
    ::_exit(is_client_bound ? 0 : 1);
  }
  ::close(window[1]);
  char none = 0;
  EXPECT_EQ(::read(window[0], &none, 1), 0);  // the end: the window begins
  ::close(window[0]);
  std::this_thread::sleep_for(200ms);
  ::kill(child, SIGSTOP);
  std::this_thread::sleep_for(400ms);
  ::kill(child, SIGCONT);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0)
      << "the load did not call itself CLIENT-BOUND";
}

INSTANTIATE_TEST_SUITE_P(OpenLoad, HeldUp,
                         ::testing::Values(std::pair{16, OnBusy::queue},
                                           std::pair{2, OnBusy::queue},
                                           std::pair{2, OnBusy::drop},
                                           std::pair{2, OnBusy::any}));

TEST(OpenLoad, SessionsArriveAndAreClosedInside) {
  const ServerProcess server("epoll_level", any_port);
  LoadPlan plan = open_plan(server.endpoint(), 2'000, 1s);
  plan.connections = 200;
  plan.workload.arrivals->law = ArrivalPlan::Law::poisson;
  plan.workload.session_requests = 5;
  plan.workload.think = TimeLaw::parse("--think", "2ms");
  const LoadResult result = run_load(plan);
  EXPECT_EQ(result.errors.total(), 0U) << result.first_failure;
  EXPECT_EQ(result.response.count(), result.offered);
  // Sessions: Poisson with mean 400, each geometric with mean 5: the count of requests
  // has mean 2 000 and variance 400 (25 + 20), so that 5 standard deviations are 671.
  EXPECT_NEAR(static_cast<double>(result.offered), 2'000, 671);
}

TEST(ClosedLoad, ThinksBetweenAReplyAndTheNextRequest) {
  const ServerProcess server("epoll_level", any_port);
  LoadPlan plan = open_plan(server.endpoint(), 1, 500ms);
  plan.workload.arrivals.reset();
  plan.workload.think = TimeLaw::parse("--think", "20ms");
  plan.connections = 10;
  plan.warm_up = 50ms;
  const LoadResult result = run_load(plan);
  EXPECT_EQ(result.errors.total(), 0U) << result.first_failure;
  // At most one request in 20 ms of each connection, and one more at the edge.
  EXPECT_LE(result.requests, 10 * (static_cast<std::uint64_t>(result.seconds * 50) + 1));
  EXPECT_GT(result.requests, 0U);
}

/// A closed load of so many requests, whose payloads follow a law.
LoadPlan plan_of_sizes(const Endpoint& server, const std::string& law,
                       std::uint64_t requests) {
  LoadPlan plan = open_plan(server, 1, patience);
  plan.workload.arrivals.reset();
  plan.sizes = SizeLaw::parse("--size", law);
  plan.payload_bytes = plan.sizes->most();
  plan.requests = requests;
  return plan;
}

/// Runs it: every request has its right reply.
LoadResult run_whole(const LoadPlan& plan) {
  SCOPED_TRACE(plan.sizes->text());
  LoadResult result = run_load(plan);
  EXPECT_EQ(result.errors.total(), 0U) << result.first_failure;
  EXPECT_EQ(result.requests, plan.requests);
  return result;
}

TEST(ClosedLoad, RequestsOfManySizesAreVerifiedToTheByte) {
  const ServerProcess server("epoll_level", any_port);
  for (const char* law : {"uniform:1-9000", "list:1@9,200KiB@1", "exp:3KiB"})
    for (const std::size_t pipeline : {1U, 8U}) {
      LoadPlan plan = plan_of_sizes(server.endpoint(), law, 500);
      plan.pipeline = pipeline;
      run_whole(plan);
    }
}

TEST(ClosedLoad, FramesOfManySizesAskForWorkAndAreVerifiedToTheByte) {
  const ServerProcess server(
      "epoll_level", any_port,
      {.flags = {"--protocol", "work", "--max-frame", "256KiB", "--buffer", "256KiB"}});
  for (const char* law : {"uniform:1-9000", "list:1@9,200KiB@1", "exp:3KiB"})
    for (const std::size_t pipeline : {1U, 8U})
      for (const EngineKind engine : {EngineKind::epoll, EngineKind::io_uring}) {
        LoadPlan plan = plan_of_sizes(server.endpoint(), law, 300);
        plan.work.emplace();
        plan.work->compute = std::chrono::microseconds(1);
        plan.pipeline = pipeline;
        plan.engine = engine;
        run_whole(plan);
      }
}

TEST(ClosedLoad, BodiesOfManyLengthsArePostedAndVerifiedToTheByte) {
  const ServerProcess server("epoll_level", any_port, {.flags = {"--protocol", "http"}});
  // From one digit of Content-Length to six.
  for (const char* law : {"uniform:1-9000", "list:1@9,10@9,200KiB@1", "exp:3KiB"})
    for (const std::size_t pipeline : {1U, 8U}) {
      LoadPlan plan = plan_of_sizes(server.endpoint(), law, 300);
      plan.http.emplace();
      plan.pipeline = pipeline;
      run_whole(plan);
    }
}

TEST(ClosedLoad, ConnectionsThatComeAnewHaveSizesOfTheirOwn) {
  const ServerProcess server("epoll_level", any_port, {.flags = {"--protocol", "work"}});
  LoadPlan plan = plan_of_sizes(server.endpoint(), "uniform:1-9000", 300);
  plan.work.emplace();
  plan.manners.kind = Manners::Kind::churn;
  plan.manners.requests = 3;
  run_whole(plan);
}

TEST(ClosedLoad, DatagramsOfManySizesAreVerifiedToTheByte) {
  for (const bool speaks_work : {false, true}) {
    std::vector<std::string> arguments = {"--buffer", "64KiB"};
    if (speaks_work) arguments.insert(arguments.end(), {"--protocol", "work"});
    const ServerProcess server("udp_iterative", "udp://127.0.0.1:0",
                               {.flags = arguments});
    for (const char* law : {"uniform:16-9000", "list:16@9,40KiB@1"}) {
      LoadPlan plan = plan_of_sizes(server.endpoint(), law, 300);
      if (speaks_work) plan.work.emplace();
      plan.datagram_timeout = 2s;
      EXPECT_EQ(run_whole(plan).datagrams.lost, 0U);
    }
  }
}

TEST(OpenLoad, DatagramsAreSentByTheScheduleToo) {
  const ServerProcess server("udp_iterative", "udp://127.0.0.1:0");
  LoadPlan plan = open_plan(server.endpoint(), 1'000, 500ms);
  plan.datagram_timeout = 2s;
  const LoadResult result = run_load(plan);
  EXPECT_EQ(result.errors.total(), 0U) << result.first_failure;
  EXPECT_NEAR(static_cast<double>(result.offered), 1'000 * result.seconds, 52);
  EXPECT_EQ(result.response.count() + result.datagrams.lost_in_window, result.offered);
}

TEST(OpenLoad, StartsAtTheMomentThatWasGiven) {
  const ServerProcess server("epoll_level", any_port);
  LoadPlan plan = open_plan(server.endpoint(), 1'000, 50ms);
  plan.warm_up = 0ms;
  plan.start_at_ns = clock_ns(CLOCK_REALTIME) + 600'000'000;
  std::int64_t began_ns = 0;
  LoadEvents events;
  events.window_begins = [&] { began_ns = clock_ns(CLOCK_REALTIME); };
  EXPECT_EQ(run_load(plan, events).errors.total(), 0U);
  EXPECT_GE(began_ns, plan.start_at_ns);
}

/// A result of an open loop at 1 000 requests/s, healthy unless a test spoils it.
LoadResult healthy() {
  LoadResult result;
  result.seconds = 1;
  result.requests = result.offered = 1'000;
  for (int i = 0; i < 1'000; ++i) {
    result.response.record(200'000);
    result.details->lag.record(10'000);
  }
  return result;
}

Verdict verdict_of(const LoadResult& result) {
  LoadPlan plan = open_plan(Endpoint::parse(any_port), 1'000, 1s);
  return judge(plan, result).verdict;
}

TEST(JudgeOpen, AHealthyLoadIsValid) {
  EXPECT_EQ(verdict_of(healthy()), Verdict::valid);
}

TEST(JudgeOpen, LagThatShowsInTheResponseIsTheClients) {
  LoadResult result = healthy();
  for (int i = 0; i < 20; ++i) result.details->lag.record(60'000);
  EXPECT_EQ(verdict_of(result), Verdict::client_bound);
  result.clock_late_ns_p99 = 20'000;  // whoever sleeps here is woken so late
  EXPECT_EQ(verdict_of(result), Verdict::valid);
}

TEST(JudgeOpen, ABacklogThatGrowsIsOverload) {
  LoadResult result = healthy();
  result.backlog_growth = 26;  // 1 % of the arrivals, and one for each connection
  EXPECT_EQ(verdict_of(result), Verdict::valid);
  ++result.backlog_growth;
  EXPECT_EQ(verdict_of(result), Verdict::overloaded);
  result.client_cpu_ns = 0.9e9;
  EXPECT_EQ(verdict_of(result), Verdict::client_bound) << "its core was full as well";
}

TEST(JudgeOpen, WhatWasDroppedOrNeverAnsweredIsOverload) {
  LoadResult result = healthy();
  result.dropped = 11;
  EXPECT_EQ(verdict_of(result), Verdict::overloaded);
  result.dropped = 0;
  result.unfinished = 11;
  EXPECT_EQ(verdict_of(result), Verdict::overloaded);
}

}  // namespace
}  // namespace echolab::tests
