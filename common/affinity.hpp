// Affinity: which CPUs a thread may use.
#pragma once

#include <sched.h>

#include <cstddef>
#include <vector>

namespace echolab {

/// Restricts the calling thread, and what it starts, to `cpus`; empty: no change. False
/// when the kernel refuses (sched_setaffinity(2)). Async-signal-safe but for reading
/// cpus.
inline bool pin_this_thread(const std::vector<int>& cpus) {
  if (cpus.empty()) return true;
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) CPU_SET(static_cast<std::size_t>(cpu), &set);
  return ::sched_setaffinity(0, sizeof set, &set) == 0;
}

}  // namespace echolab
