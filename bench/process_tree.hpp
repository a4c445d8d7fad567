// What a tree of processes has used and holds, read from outside (proc(5)).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace echolab {

/// Totals since each process began; two of them make a rate. CPU time is exact to the
/// nanosecond for the living (their CPU clocks) and in ticks of 10 ms, once for all, for
/// the children that were reaped. Switches are those of living threads: what ended takes
/// its own along.
struct TreeUse {
  std::chrono::steady_clock::time_point cpu_read{};
  double cpu_ns = 0;
  std::chrono::steady_clock::time_point switches_read{};
  std::uint64_t voluntary_switches = 0;
  std::uint64_t involuntary_switches = 0;
};

/// What it holds now.
struct TreeSize {
  std::size_t processes = 0;
  std::size_t threads = 0;
  std::size_t descriptors = 0;
  std::uint64_t pss_bytes = 0;  ///< proportional set size: shared pages are split
};

/// `root` and all that descends from it; empty when it is gone.
std::vector<pid_t> tree_of(pid_t root);
TreeUse use_of(const std::vector<pid_t>& tree);
TreeSize size_of(const std::vector<pid_t>& tree);

}  // namespace echolab
