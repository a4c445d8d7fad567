#include "tests/counted_load.hpp"

#include <gtest/gtest.h>

#include <numeric>

#include "tests/eventually.hpp"
#include "tests/test_server.hpp"

namespace echolab::tests {

using namespace std::chrono_literals;

LoadPlan plan_for(const Endpoint& server, std::uint64_t requests) {
  LoadPlan plan;
  plan.server = server;
  plan.connections = 4;
  plan.warm_up = 10ms;
  plan.duration = patience;
  plan.timeout = patience;
  plan.requests = requests;
  plan.payload_bytes = request_bytes;
  return plan;
}

void expect_exactly(const LoadPlan& plan, const LoadResult& result) {
  EXPECT_EQ(result.requests, plan.requests);
  EXPECT_EQ(result.response.count(), plan.requests);
  EXPECT_EQ(result.connected, plan.connections);
  EXPECT_EQ(result.errors.total(), 0u) << result.first_failure;
  EXPECT_FALSE(result.interrupted);
  EXPECT_GT(result.seconds, 0);
  const auto& each_one = result.requests_per_connection;
  EXPECT_EQ(each_one.size(), plan.connections);
  EXPECT_EQ(std::accumulate(each_one.begin(), each_one.end(), std::uint64_t{0}),
            plan.requests);
}

void expect_only(const nlohmann::json& errors, const std::string& kind,
                 std::size_t connections) {
  for (const char* name : {"connect", "timeout", "reset", "closed_early", "mismatch"})
    EXPECT_EQ(errors[name], name == kind ? connections : 0) << name;
}

}  // namespace echolab::tests
