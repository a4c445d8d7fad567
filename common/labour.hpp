// Labour: what the work protocol asks of a server beyond moving bytes.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace echolab {

/// Why a frame was refused, and with it its client.
struct Refusal {
  enum class Reason { no_frame, too_long, too_much_work };
  Reason reason;
  std::uint64_t given;  ///< the first four bytes; the frame's bytes; microseconds
  std::uint64_t limit;  ///< the same of what would be right
};
/// "70000 bytes, --max-frame is 16384".
std::string refusal_text(const Refusal& refusal);

/// On the thread that calls it, which does nothing else meanwhile.
struct Labour {
  using Time = std::chrono::microseconds;

  /// Burns `time` of CPU: what others use of the core meanwhile does not count.
  static void compute(Time time);
  /// Sleeps for `time`, as a request that waits for a disk or another server does.
  static void block(Time time);
  /// Counts it; one log line a second at most says so.
  static void refused(const Refusal& refusal);
};

}  // namespace echolab
