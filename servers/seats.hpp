// Seats: how many clients a server holds, whoever holds them.
#pragma once

#include <sys/mman.h>

#include <atomic>
#include <cstddef>
#include <numeric>
#include <optional>
#include <span>
#include <utility>

#include "common/fd.hpp"

namespace echolab {

/// A bounded number of seats, one per client, counted per worker in memory that forked
/// processes share. Any thread of any of them may take and give back, without a lock.
/// Where two ask for the last seat at the same moment, both may be refused.
class Seats {
 public:
  /// Taken until it is destroyed.
  class Seat {
   public:
    Seat() = default;
    explicit Seat(std::atomic<std::size_t>& taken) : taken_(&taken) {}
    Seat(Seat&& other) noexcept : taken_(std::exchange(other.taken_, nullptr)) {}
    Seat& operator=(Seat&& other) noexcept {
      std::swap(taken_, other.taken_);
      return *this;
    }
    ~Seat() {
      if (taken_ != nullptr) taken_->fetch_sub(1, std::memory_order_relaxed);
    }

   private:
    std::atomic<std::size_t>* taken_ = nullptr;
  };

  /// `bound` seats in all. Throws std::system_error when there is no memory.
  Seats(std::size_t bound, std::size_t workers) : bound_(bound) {
    void* memory = ::mmap(nullptr, workers * sizeof(std::atomic<std::size_t>),
                          PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) checked(-1, "mmap(seats)");
    taken_ = {new (memory) std::atomic<std::size_t>[workers] {}, workers};
  }
  Seats(const Seats&) = delete;
  Seats& operator=(const Seats&) = delete;
  ~Seats() { ::munmap(taken_.data(), taken_.size_bytes()); }

  /// One of `worker`'s; empty when all are taken.
  std::optional<Seat> take(std::size_t worker) {
    taken_[worker].fetch_add(1);
    Seat seat(taken_[worker]);
    const std::size_t taken =
        std::accumulate(taken_.begin(), taken_.end(), std::size_t{0});
    return taken <= bound_ ? std::optional(std::move(seat)) : std::nullopt;
  }

  /// Gives back what a worker held that was killed.
  void vacate(std::size_t worker) { taken_[worker].store(0); }

 private:
  static_assert(std::atomic<std::size_t>::is_always_lock_free);  // between processes
  const std::size_t bound_;
  std::span<std::atomic<std::size_t>> taken_;
};

}  // namespace echolab
