// A load that ends by what it counts, and what its result then has to be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "clients/load.hpp"

namespace echolab::tests {

/// Not by time, of `request_bytes` each.
LoadPlan plan_for(const Endpoint& server, std::uint64_t requests = 0);

/// Every reply right, the quota met, and the sums equal however they are taken.
void expect_exactly(const LoadPlan& plan, const LoadResult& result);

/// Only `kind` failed, on all connections. (Lost replies come with many kinds; of what
/// they are more exactly: wrong_server_test.cpp.)
void expect_only(const nlohmann::json& errors, const std::string& kind,
                 std::size_t connections);

}  // namespace echolab::tests
