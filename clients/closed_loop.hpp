// closed: each connection asks again as soon as it was answered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace echolab {

/// The closed loop: `depth` requests of a connection are outstanding at any time, so the
/// load follows the server's speed and never exceeds connections × depth. A workload says
/// when a request should be sent; latency counts from then (in an open loop that moment
/// is planned, and may have passed).
struct ClosedLoop {
  std::size_t depth = 1;

  /// The intended moment of a connection's next request, in ns; empty: not yet.
  [[nodiscard]] std::optional<std::int64_t> next(std::int64_t now_ns,
                                                 std::size_t outstanding) const {
    if (outstanding >= depth) return std::nullopt;
    return now_ns;
  }
};

}  // namespace echolab
