// The load generator against servers that speak the work protocol: what it asked for was
// done, every frame came back right, and what the server refuses has its name.

#include <gtest/gtest.h>

#include "clients/load_report.hpp"
#include "clients/work_options.hpp"
#include "tests/server_process.hpp"

namespace echolab::tests {
namespace {

using namespace std::chrono_literals;

constexpr const char* any_port = "tcp://127.0.0.1:0";

LoadPlan plan_for(const ServerProcess& server, const WorkMix& mix) {
  LoadPlan plan;
  plan.server = server.endpoint();
  plan.connections = 4;
  plan.warm_up = 10ms;
  plan.duration = patience;
  plan.timeout = patience;
  plan.requests = 200;
  plan.work = mix;
  return plan;
}

const std::vector<std::string> for_work = {"--protocol", "work", "--max-work", "20ms"};

TEST(WorkLoad, EveryKindOfModelAnswersEveryFrameRight) {
  for (const char* model :
       {"iterative", "fork_per_client", "thread_pool", "epoll_level"}) {
    SCOPED_TRACE(model);
    const ServerProcess server(model, any_port, {.flags = for_work});
    ASSERT_TRUE(server.ready()) << server.log();
    for (const auto& [payload, pipeline] :
         {std::pair{1U, 1U}, {1'000U, 1U}, {64U, 16U}}) {
      LoadPlan plan = plan_for(
          server,
          {.compute = 5us, .block = 10us, .heavy_share = 0.1, .heavy_compute = 100us});
      plan.payload_bytes = payload;
      plan.pipeline = pipeline;
      const LoadResult result = run_load(plan);
      EXPECT_EQ(result.errors.total(), 0U) << result.first_failure;
      EXPECT_EQ(result.requests, plan.requests);
      EXPECT_EQ(result.response.count(), plan.requests);
      EXPECT_NE(judge(plan, result).verdict, Verdict::failed)
          << judge(plan, result).reason;
    }
  }
}

TEST(WorkLoad, EveryModelOfDatagramsDoesTheWorkOfEachDatagram) {
  for (const char* model :
       {"udp_iterative", "udp_batched", "udp_per_request", "udp_sharded"}) {
    SCOPED_TRACE(model);
    const ServerProcess server(model, "udp://127.0.0.1:0", {.flags = for_work});
    ASSERT_TRUE(server.ready()) << server.log();
    for (const std::uint64_t payload : {16U, 1'000U}) {
      LoadPlan plan = plan_for(
          server,
          {.compute = 1ms, .block = 1ms, .heavy_share = 0.5, .heavy_compute = 1ms});
      plan.payload_bytes = payload;
      plan.datagram_timeout = 2s * slowness;
      const LoadResult result = run_load(plan);
      EXPECT_EQ(result.errors.total(), 0U) << result.first_failure;
      EXPECT_EQ(result.requests, plan.requests);
      EXPECT_EQ(result.datagrams.lost, 0U);
      EXPECT_GE(result.response.min_ns(), 2'000'000U);
      EXPECT_GE(result.response.max_ns(), 3'000'000U);
    }
  }
}

TEST(WorkLoad, AFrameThatNoDatagramHoldsIsRefused) {
  LoadPlan plan;
  plan.server = Endpoint::parse("udp://127.0.0.1:7");
  plan.work.emplace();
  plan.payload_bytes = longest_datagram - WorkHeader::size;
  EXPECT_NO_THROW(check_datagrams(plan));
  ++plan.payload_bytes;
  EXPECT_THROW(check_datagrams(plan), UsageError);
}

TEST(WorkLoad, NoReplyComesBeforeItsWorkIsDone) {
  for (const char* model : {"epoll_level", "thread_per_client"}) {
    const ServerProcess server(model, any_port, {.flags = for_work});
    const LoadResult result = run_load(plan_for(server, {.compute = 1ms, .block = 2ms}));
    EXPECT_EQ(result.errors.total(), 0U) << result.first_failure;
    EXPECT_GE(result.response.min_ns(), 3'000'000U) << model;
  }
}

TEST(WorkLoad, HeavyRequestsShowInTheLatencyOfTheShareThatTheyAre) {
  const ServerProcess server("epoll_level", any_port, {.flags = for_work});
  LoadPlan plan = plan_for(server, {.heavy_share = 0.25, .heavy_compute = 5ms});
  plan.connections = 1;
  plan.requests = 400;
  const LoadResult result = run_load(plan);
  std::uint64_t heavy = 0;
  for (const auto& bucket : result.response.non_empty())
    if (bucket.lower_ns >= 4'990'000) heavy += bucket.count;
  EXPECT_GE(heavy, 60U);
  EXPECT_LE(heavy, 60U * 3);
}

TEST(WorkLoad, ARequestThatTheServerRefusesIsNamed) {
  const ServerProcess server("epoll_level", any_port, {.flags = for_work});
  const LoadPlan plan = plan_for(server, {.compute = 21ms});
  const LoadResult result = run_load(plan);
  EXPECT_EQ(result.requests, 0U);
  EXPECT_EQ(result.errors.closed_early + result.errors.reset, plan.connections);
  EXPECT_NE(judge(plan, result).reason.find("which frame it refused"), std::string::npos)
      << judge(plan, result).reason;
  EXPECT_TRUE(eventually(
      [&] { return server.log().find("--max-work is 20.0 ms") != std::string::npos; }));
}

// A frame comes back unchanged from any echo server; only the time tells.
TEST(WorkLoad, AServerThatDoesNotDoTheWorkIsFoundOut) {
  const ServerProcess server("epoll_level", any_port);
  const LoadPlan plan = plan_for(server, {.compute = 1s});
  const LoadResult result = run_load(plan);
  EXPECT_EQ(result.errors.total(), 0U);
  const Judgement judgement = judge(plan, result);
  EXPECT_EQ(judgement.verdict, Verdict::failed);
  EXPECT_NE(judgement.reason.find("1.00 s of work"), std::string::npos);
}

TEST(WorkLoad, ThePlanSaysWhatWasAsked) {
  LoadPlan plan;
  EXPECT_EQ(plan_json(plan)["protocol"], "echo");
  EXPECT_TRUE(plan_json(plan)["work"].is_null());
  plan.work = {.compute = 50us, .block = 2ms, .heavy_share = 0.01, .heavy_compute = 1ms};
  const nlohmann::json json = plan_json(plan);
  EXPECT_EQ(json["protocol"], "work");
  EXPECT_EQ(json["work"]["compute_ns"], 50'000);
  EXPECT_EQ(json["work"]["block_ns"], 2'000'000);
  EXPECT_EQ(json["work"]["heavy_share"], 0.01);
  EXPECT_EQ(json["work"]["heavy_compute_ns"], 1'000'000);
  EXPECT_EQ(work_text(plan),
            "computes 50.0 us, blocks 2.00 ms, 1 % compute 1.00 ms more");
  EXPECT_NE(load_table(plan, {}).find(work_text(plan)), std::string::npos);
}

}  // namespace
}  // namespace echolab::tests
