// Waiting in tests: for a condition, with a bound, never for a time.
#pragma once

#include <chrono>
#include <thread>

namespace echolab::tests {

#if defined(ECHOLAB_TSAN) || defined(ECHOLAB_ASAN)
constexpr int slowness = 5;  ///< how much longer a sanitizer may take than is promised
#else
constexpr int slowness = 1;
#endif

#ifdef ECHOLAB_ASAN
constexpr bool asan_keeps_what_was_freed = true;
#else
constexpr bool asan_keeps_what_was_freed = false;
#endif

/// For what must happen, however slow the machine is; a test waits as long as this only
/// when it fails.
constexpr std::chrono::milliseconds patience{10'000 * slowness};

/// Asks `condition` again and again; false when it has not come true within `bound`.
template <class Condition>
bool eventually(Condition&& condition, std::chrono::milliseconds bound = patience) {
  const auto deadline = std::chrono::steady_clock::now() + bound;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace echolab::tests
