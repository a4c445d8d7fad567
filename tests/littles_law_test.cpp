// Little's law holds of what places that are always filled give, wherever the window is
// cut out, and of real loads; and it sees what is not counted, or counted twice.

#include "clients/littles_law.hpp"

#include <gtest/gtest.h>

#include <random>

#include "tests/server_process.hpp"

namespace echolab::tests {
namespace {

using namespace std::chrono_literals;

LoadPlan plan_of(std::size_t connections, std::size_t pipeline = 1) {
  LoadPlan plan;
  plan.connections = connections;
  plan.pipeline = pipeline;
  return plan;
}

/// A window of one second cut out of places whose responses lie end to end, each as long
/// as `draw_ns` says; counted is what is answered inside.
template <class Draw>
LoadResult cut_out(std::size_t places, Draw draw_ns) {
  constexpr std::int64_t begin_ns = 2'000'000'000;
  constexpr std::int64_t end_ns = 3'000'000'000;
  LoadResult result;
  result.seconds = 1;
  result.connected = places;
  for (std::size_t place = 0; place < places; ++place) {
    std::uint64_t counted = 0;
    for (std::int64_t asked = 0; asked < end_ns;) {
      const std::int64_t answered = asked + draw_ns();
      if (answered >= begin_ns && answered < end_ns) {
        result.response.record(answered - asked);
        ++counted;
      }
      asked = answered;
    }
    result.requests += counted;
    result.requests_per_connection.push_back(counted);
  }
  return result;
}

TEST(LittlesLaw, HoldsOfPlacesThatAreAlwaysFilledHoweverFewTheirRequestsAre) {
  std::mt19937_64 random(1);
  for (const double mean_ns : {2e5, 2e7, 4e8})
    for (const std::size_t places : {1u, 16u, 300u})
      for (int round = 0; round < 20; ++round) {
        std::exponential_distribution<double> law(1 / mean_ns);
        const LoadResult result =
            cut_out(places, [&] { return 1 + static_cast<std::int64_t>(law(random)); });
        const auto found = littles_law(plan_of(places), result);
        if (!found) continue;  // no reply in the window
        ASSERT_FALSE(found->is_broken()) << mean_ns << " ns, " << places << " places";
        if (mean_ns < 1e8) {
          ASSERT_FALSE(found->hides_waiting()) << found->outstanding << " of " << places;
        }
      }
}

TEST(LittlesLaw, IsExactForEqualResponsesThatFillTheWindow) {
  const auto found =
      littles_law(plan_of(4), cut_out(4, [] { return std::int64_t{4'000'000}; }));
  ASSERT_TRUE(found.has_value());
  EXPECT_DOUBLE_EQ(found->places, 4);
  EXPECT_NEAR(found->outstanding, 4, 1e-9);
  EXPECT_DOUBLE_EQ(found->tolerance, 0.02 + 0.004);
}

/// 4 connections with 250 responses of 4 ms each, which fill one second.
LoadResult full_second() {
  LoadResult result;
  result.seconds = 1;
  result.requests = 1'000;
  result.connected = 4;
  result.requests_per_connection.assign(4, 250);
  for (int i = 0; i < 1'000; ++i) result.response.record(4'000'000);
  return result;
}

TEST(LittlesLaw, RequestsThatAreCountedTwiceContradictIt) {
  LoadResult result = full_second();
  EXPECT_EQ(judge(plan_of(4), result).verdict, Verdict::valid);
  for (int i = 0; i < 50; ++i) result.response.record(4'000'000);
  const Judgement judgement = judge(plan_of(4), result);
  EXPECT_EQ(judgement.verdict, Verdict::failed);
  EXPECT_NE(judgement.reason.find("is 4.2 requests outstanding, of 4"), std::string::npos)
      << judgement.reason;
}

TEST(LittlesLaw, AStallThatTheWindowEndsInIsAWarning) {
  LoadResult result = full_second();
  result.seconds = 1.25;
  const Judgement judgement = judge(plan_of(4), result);
  EXPECT_EQ(judgement.verdict, Verdict::valid);
  ASSERT_EQ(judgement.warnings.size(), 1u);
  EXPECT_NE(judgement.warnings[0].find("is 3.2 requests outstanding, of 4"),
            std::string::npos)
      << judgement.warnings[0];
}

TEST(LittlesLaw, MayHaveFewerOutstandingWherePlacesAreEmpty) {
  LoadResult result = full_second();
  result.seconds = 1.25;
  LoadPlan plan = plan_of(4);
  plan.workload.think = TimeLaw::parse("--think", "1ms");
  EXPECT_FALSE(littles_law(plan, result)->hides_waiting());
  plan = plan_of(4);
  plan.threads = 2;
  plan.requests = 1'000;
  EXPECT_FALSE(littles_law(plan, result)->hides_waiting());
  result.requests_per_connection[2] = 0;
  EXPECT_FALSE(littles_law(plan_of(4), result)->hides_waiting());
}

TEST(LittlesLaw, IsNotAskedOfOpenLoopsDatagramsAndMergedLoads) {
  LoadPlan open = plan_of(4);
  open.workload.arrivals.emplace();
  EXPECT_FALSE(littles_law(open, full_second()).has_value());
  LoadPlan datagrams = plan_of(4);
  datagrams.server = Endpoint::parse("udp://127.0.0.1:7");
  EXPECT_FALSE(littles_law(datagrams, full_second()).has_value());
  LoadResult merged = full_second();
  merged.summed_rate = 1'000;
  EXPECT_FALSE(littles_law(plan_of(4), merged).has_value());
}

// That nothing is hidden depends on the machine: it may stop the server for a moment at
// the window's end. That no more wait than can does not.
TEST(LittlesLaw, HoldsOfRealLoads) {
  const ServerProcess server("epoll_level", "tcp://127.0.0.1:0");
  struct Shape {
    std::size_t connections, pipeline, threads;
    std::uint64_t bytes;
  };
  for (const Shape& shape :
       {Shape{1, 1, 1, 64}, Shape{16, 1, 2, 64}, Shape{300, 1, 1, 64},
        Shape{16, 8, 1, 64}, Shape{16, 2, 1, 64 << 10}}) {
    LoadPlan plan = plan_of(shape.connections, shape.pipeline);
    plan.server = server.endpoint();
    plan.threads = shape.threads;
    plan.payload_bytes = shape.bytes;
    plan.warm_up = 50ms;
    plan.duration = 500ms;
    const LoadResult result = run_load(plan);
    const auto law = littles_law(plan, result);
    ASSERT_TRUE(law.has_value());
    EXPECT_FALSE(law->is_broken()) << littles_law_text(*law);
    EXPECT_GT(law->outstanding, law->places / 4) << littles_law_text(*law);
  }
}

}  // namespace
}  // namespace echolab::tests
