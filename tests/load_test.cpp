// The load generator against servers that do right, and slowly, or not at all: it counts
// exactly, says how it went, and nothing hangs.

#include "clients/load.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "clients/load_report.hpp"
#include "common/program.hpp"
#include "tests/counted_load.hpp"
#include "tests/eventually.hpp"
#include "tests/server_process.hpp"
#include "tests/test_server.hpp"

namespace echolab::tests {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

TEST(RunLoad, CountsExactlyTheRequestsAskedFor) {
  const TestServer server(each(echo));
  for (const std::uint64_t requests : {1u, 7u, 1'000u}) {
    const LoadPlan plan = plan_for(server.endpoint(), requests);
    expect_exactly(plan, run_load(plan));
  }
}

TEST(RunLoad, ThreadsShareConnectionsAndRequestsExactly) {
  const TestServer server(each(echo));
  LoadPlan plan = plan_for(server.endpoint(), 1'000);
  plan.connections = 7;
  plan.threads = 3;
  expect_exactly(plan, run_load(plan));
}

TEST(RunLoad, LoadsWithoutAnyWarmUp) {
  const TestServer server(each(echo));
  for (int round = 0; round < 10; ++round) {
    LoadPlan plan = plan_for(server.endpoint(), 20);
    plan.warm_up = 0ms;
    expect_exactly(plan, run_load(plan));
  }
}

TEST(RunLoad, ServesUnixSockets) {
  const auto path = "/tmp/echolab_load_test." + std::to_string(::getpid());
  const TestServer server(each(echo), "unix://" + path);
  const LoadPlan plan = plan_for(server.endpoint(), 200);
  expect_exactly(plan, run_load(plan));
}

TEST(RunLoad, WaitsForAFullUnixQueue) {
  const auto path = "/tmp/echolab_load_test." + std::to_string(::getpid());
  const auto late = [](Listener& listener) {
    std::this_thread::sleep_for(100ms);
    each(echo)(listener);
  };
  const TestServer server(late, "unix://" + path, {.backlog = 1});
  LoadPlan plan = plan_for(server.endpoint(), 200);
  plan.connections = 20;
  expect_exactly(plan, run_load(plan));
}

TEST(RunLoad, ServesTcpOverIpv6) {
  try {
    const TestServer server(each(echo), "tcp://[::1]:0");
    const LoadPlan plan = plan_for(server.endpoint(), 200);
    expect_exactly(plan, run_load(plan));
  } catch (const Failure& failure) {
    GTEST_SKIP() << "no IPv6 loopback here: " << failure.what();
  }
}

struct Payload {
  std::uint64_t bytes;
  std::size_t pipeline;
};

std::ostream& operator<<(std::ostream& out, const Payload& one) {
  return out << one.bytes << " B x " << one.pipeline;
}

class PayloadLoad : public testing::TestWithParam<Payload> {};

TEST_P(PayloadLoad, IsEchoedAndVerified) {
  const TestServer server(each(echo));
  LoadPlan plan = plan_for(server.endpoint(), 40);
  plan.payload_bytes = GetParam().bytes;
  plan.pipeline = GetParam().pipeline;
  expect_exactly(plan, run_load(plan));
}

INSTANTIATE_TEST_SUITE_P(Sizes, PayloadLoad,
                         testing::Values(Payload{1, 1}, Payload{64, 1},
                                         Payload{64 << 10, 1}, Payload{1 << 20, 1},
                                         Payload{1, 16}, Payload{64 << 10, 16},
                                         Payload{1 << 20, 4}),
                         [](const auto& test) {
                           return fmt::format("{}BytesTimes{}", test.param.bytes,
                                              test.param.pipeline);
                         });

TEST(RunLoad, KeepsExactlyThePipelineOutstanding) {
  constexpr std::size_t depth = 7;
  std::atomic<int> rounds{0};
  std::atomic<bool> too_many{false};
  const TestServer server(each([&](int client) {
    for (;; ++rounds) {
      const std::string requests = take(client, depth * request_bytes);
      if (requests.size() < depth * request_bytes) return;
      pollfd more{.fd = client, .events = POLLIN, .revents = 0};
      if (::poll(&more, 1, 20) != 0) too_many = true;
      give(client, requests);
    }
  }));
  LoadPlan plan = plan_for(server.endpoint(), 10 * depth);
  plan.connections = 2;
  plan.pipeline = depth;
  expect_exactly(plan, run_load(plan));
  EXPECT_GE(rounds, 10);
  EXPECT_FALSE(too_many);
}

void one_after_the_other(Listener& listener) {
  while (const Fd client = listener.accept()) echo(client.get());
}

TEST(RunLoad, SeesAnIterativeServerStarveAllButOne) {
  const TestServer server(one_after_the_other);
  const LoadPlan plan = plan_for(server.endpoint(), 200);
  const LoadResult result = run_load(plan);
  expect_exactly(plan, result);
  EXPECT_EQ(result.starved(), 3u);
  EXPECT_DOUBLE_EQ(result.jain(), 0.25);
  const json fairness = load_json(plan, result)["fairness"];
  EXPECT_EQ(fairness["slowest_requests"], 0);
  EXPECT_EQ(fairness["fastest_requests"], 200);
  EXPECT_NEAR(fairness["longest_starvation_ns"].get<double>(), result.seconds * 1e9, 1);
  EXPECT_NEAR(fairness["longest_starvation_ns"].get<double>(), result.seconds * 1e9, 1);
}

TEST(RunLoad, DoesNotCountWarmUp) {
  std::atomic<int> replies{0};
  std::atomic<bool> withheld{false};
  const TestServer server(each(replying([&](std::string request, unsigned) {
    eventually([&] { return !withheld; });
    ++replies;
    return request;
  })));
  LoadPlan plan = plan_for(server.endpoint());
  plan.duration = 50ms;
  LoadEvents events;
  events.window_begins = [&] {
    EXPECT_TRUE(eventually([&] { return replies > 100; }));
    withheld = true;
  };
  events.window_ended = [&] { withheld = false; };
  const LoadResult result = run_load(plan, events);
  EXPECT_LE(result.requests, plan.connections) << "at most what was on its way";
  EXPECT_EQ(result.response.count(), result.requests);
  EXPECT_EQ(result.errors.total(), 0u);
}

TEST(RunLoad, CountsLatencyFromTheRequestsBegin) {
  const TestServer server(each(replying(reply_slowly)));
  const LoadPlan plan = plan_for(server.endpoint(), 40);
  const LoadResult result = run_load(plan);
  expect_exactly(plan, result);
  // Requests of the warm-up may be answered in the window, but they began before it.
  EXPECT_GE(result.response.min_ns(), 5'000'000u);
}

TEST(RunLoad, TellsItsPhasesInOrder) {
  const TestServer server(each(echo));
  std::vector<std::string> phases;
  LoadEvents events;
  events.window_begins = [&] { phases.emplace_back("window begins"); };
  events.window_ended = [&] { phases.emplace_back("window ended"); };
  events.progress = [&](const LoadProgress& now) {
    if (phases.empty() || phases.back() != now.phase) phases.emplace_back(now.phase);
    EXPECT_LE(now.connected, 4u);
    EXPECT_EQ(now.errors, 0u);
    EXPECT_GE(now.phase_share, 0);
    EXPECT_LE(now.phase_share, 1);
  };
  run_load(plan_for(server.endpoint(), 100), events);
  const std::vector<std::string> right{"connecting",    "greeting",  "warm-up",
                                       "window begins", "measuring", "window ended",
                                       "draining"};
  EXPECT_EQ(phases, right);
}

/// The same promises on the other engine. Who forgets bytes that it should send waits for
/// ever: with a bound of its own, this says so before the test is killed.
TEST(RunLoad, AnIoUringServesAsWell) try {
  const TestServer server(each(echo));
  LoadPlan plan = plan_for(server.endpoint(), 200);
  plan.engine = EngineKind::io_uring;
  plan.duration = plan.timeout = slowness * 5s;
  for (const std::uint64_t bytes : {1U, 64U, 64U << 10, 1U << 20})
    for (const std::size_t depth : {1U, 4U}) {
      SCOPED_TRACE(fmt::format("{} B x {}", bytes, depth));
      plan.payload_bytes = bytes;
      plan.pipeline = depth;
      plan.requests = bytes > 100'000 ? 40 : 200;
      expect_exactly(plan, run_load(plan));
      if (HasFailure()) return;
    }
  plan.payload_bytes = 100;
  plan.requests = 0;
  plan.duration = 200ms;
  plan.manners = {.kind = Manners::Kind::churn, .requests = 3};
  for (const auto ending : {Manners::Ending::fin, Manners::Ending::rst}) {
    plan.manners.ending = ending;
    const LoadResult result = run_load(plan);
    EXPECT_EQ(result.errors.total(), 0U) << result.first_failure;
    EXPECT_GT(result.details->connect.count(), 3 * plan.connections);
  }
} catch (const Failure& failure) {
  if (failure.code != ExitCode::unavailable) throw;
  GTEST_SKIP() << failure.what();
}

TEST(RunLoad, AnIoUringNamesWhatIsWrong) try {
  const TestServer wrong(each(replying([](std::string request, unsigned n) {
    if (n == 2) request[0] = static_cast<char>(request[0] ^ 1);
    return request;
  })));
  LoadPlan plan = plan_for(wrong.endpoint(), 100);
  plan.engine = EngineKind::io_uring;
  LoadResult result = run_load(plan);
  EXPECT_EQ(result.errors.mismatch, plan.connections) << result.first_failure;
  EXPECT_EQ(judge(plan, result).verdict, Verdict::corrupt);
  const TestServer closing(each([](int) {}));
  plan.server = closing.endpoint();
  result = run_load(plan);
  EXPECT_EQ(result.errors.closed_early + result.errors.reset, plan.connections);
  plan.server = Endpoint::parse("tcp://127.0.0.1:1");
  EXPECT_THROW(run_load(plan), Unreachable);
} catch (const Failure& failure) {
  if (failure.code != ExitCode::unavailable) throw;
  GTEST_SKIP() << failure.what();
}

TEST(RunLoad, IsValidWhenTheServerIsSlow) {
  const TestServer server(each(replying(reply_slowly)));
  const LoadPlan plan = plan_for(server.endpoint(), 100);
  const LoadResult result = run_load(plan);
  const Judgement judgement = judge(plan, result);
  EXPECT_EQ(judgement.verdict, Verdict::valid) << judgement.reason;
  EXPECT_NE(load_table(plan, result).find("VALID"), std::string::npos);
  EXPECT_NE(load_table(plan, result).find("p99 n too small"), std::string::npos);
}

TEST(RunLoad, FailsWhenNoReplyCameInsideTheWindow) {
  std::atomic<bool> withheld{true};
  const TestServer server(each(replying([&](std::string request, unsigned) {
    eventually([&] { return !withheld; });
    return request;
  })));
  LoadPlan plan = plan_for(server.endpoint());
  plan.duration = 50ms;
  LoadEvents events;
  events.window_ended = [&] { withheld = false; };
  const LoadResult result = run_load(plan, events);
  EXPECT_EQ(result.errors.total(), 0u);
  EXPECT_EQ(judge(plan, result).verdict, Verdict::failed);
}

TEST(RunLoad, FailsWhenTheQuotaIsNotMetInTime) {
  const TestServer server(each(replying(reply_slowly)));
  LoadPlan plan = plan_for(server.endpoint(), 1'000'000);
  plan.duration = 300ms;
  const LoadResult result = run_load(plan);
  const Judgement judgement = judge(plan, result);
  EXPECT_EQ(judgement.verdict, Verdict::failed);
  EXPECT_NE(judgement.reason.find("of 1000000 requests"), std::string::npos);
}

TEST(RunLoad, RefusedConnectsAreUnreachable) {
  const RefusingServer server;
  EXPECT_THROW(run_load(plan_for(server.endpoint())), Unreachable);
}

TEST(RunLoad, UnansweredConnectsTimeOut) {
  const TestServer server(never_accept, any_port, {.backlog = 0});
  LoadPlan plan = plan_for(server.endpoint());
  plan.duration = 100ms;
  plan.timeout = 500ms;
  const LoadResult result = run_load(plan);
  EXPECT_LT(result.connected, plan.connections);
  EXPECT_EQ(result.errors.timeout, plan.connections);
}

TEST(RunLoad, IsUnreachableWhenNoConnectIsAnswered) {
  const TestServer server(never_accept, any_port, {.backlog = 0});
  const Fd first = connect_to(server.endpoint());  // fills the queue
  LoadPlan plan = plan_for(server.endpoint());
  plan.timeout = 300ms;
  EXPECT_THROW(run_load(plan), Unreachable);
}

TEST(RunLoad, StopsWhileItConnects) {
  const TestServer server(never_accept, any_port, {.backlog = 0});
  LoadPlan plan = plan_for(server.endpoint());
  plan.timeout = 1h;
  std::stop_source stop;
  LoadEvents events;
  events.progress = [&](const LoadProgress& now) {
    if (now.phase_seconds > 0.05) stop.request_stop();
  };
  const LoadResult result = run_load(plan, events, stop.get_token());
  EXPECT_TRUE(result.interrupted);
  EXPECT_EQ(result.errors.total(), 0u) << "what was given up is no failure";
}

TEST(RunLoad, StopsWhileItMeasuresAndKeepsWhatItHas) {
  const TestServer server(each(echo));
  LoadPlan plan = plan_for(server.endpoint());
  plan.duration = 1h;
  std::stop_source stop;
  LoadEvents events;
  events.progress = [&](const LoadProgress& now) {
    if (std::string_view(now.phase) == "measuring" && now.requests > 100 &&
        now.phase_seconds > 0.05)
      stop.request_stop();
  };
  const LoadResult result = run_load(plan, events, stop.get_token());
  EXPECT_TRUE(result.interrupted);
  EXPECT_GT(result.requests, 100u);
  EXPECT_EQ(result.errors.total(), 0u);
  EXPECT_LT(result.seconds, 3'600);
}

TEST(LargeLoad, TenThousandConnectionsAreHeldAndEveryByteVerified) {
  constexpr std::uint64_t clients = 10'000;
  constexpr std::uint64_t needed = clients + 100;
  if (const auto limit = raise_descriptor_limit(needed); limit < needed)
    GTEST_SKIP() << "10 000 CONNECTIONS NOT TESTED: they need " << needed
                 << " descriptors, the hard limit is " << limit << " (ulimit -Hn)";
  const ServerProcess server("epoll_level", any_port,
                             {.flags = {"--max-clients", std::to_string(clients)}});
  ASSERT_TRUE(server.ready()) << server.log();
  LoadPlan plan = plan_for(server.endpoint(), 5 * clients);
  plan.connections = clients;
  plan.duration = 6 * patience;
  plan.timeout = 6 * patience;
  LoadEvents events;
  events.window_begins = [&] {
    EXPECT_TRUE(eventually([&] { return server.tree().descriptors >= clients; }));
  };
  const LoadResult result = run_load(plan, events);
  expect_exactly(plan, result);
  EXPECT_EQ(result.starved(), 0u);
}

}  // namespace
}  // namespace echolab::tests
