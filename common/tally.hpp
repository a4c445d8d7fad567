// Tally: counts what went wrong, and says so seldom enough to be read.
#pragma once

#include <sys/mman.h>

#include <atomic>
#include <ctime>
#include <new>
#include <optional>

#include "common/fd.hpp"

namespace echolab {

/// Any thread may add, and any process that is forked off: they count together, or each
/// of a thousand children would say once a second what it has lost.
class Tally {
 public:
  /// Throws std::system_error when there is no memory.
  Tally() {
    void* memory = ::mmap(nullptr, sizeof(Counts), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) checked(-1, "mmap(tally)");
    counts_ = new (memory) Counts;
  }
  Tally(const Tally&) = delete;
  Tally& operator=(const Tally&) = delete;
  ~Tally() { ::munmap(counts_, sizeof(Counts)); }

  /// One more. The count so far where it is time to say it: once a second at most.
  std::optional<unsigned long> add() {
    const auto count = counts_->all.fetch_add(1, std::memory_order_relaxed) + 1;
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    long last = counts_->last_said_s.load(std::memory_order_relaxed);
    const bool said = now.tv_sec == last ||
                      !counts_->last_said_s.compare_exchange_strong(last, now.tv_sec);
    return said ? std::nullopt : std::optional(count);
  }

 private:
  struct Counts {
    std::atomic<unsigned long> all{0};
    std::atomic<long> last_said_s{0};
  };
  static_assert(std::atomic<unsigned long>::is_always_lock_free);  // between processes

  Counts* counts_;
};

}  // namespace echolab
