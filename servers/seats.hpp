// Seats: how many clients a server holds, whoever holds them.
#pragma once

#include <atomic>
#include <cstddef>
#include <optional>
#include <utility>

#include "common/shared.hpp"

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
  Seats(std::size_t bound, std::size_t workers) : bound_(bound), taken_(workers) {}

  /// One of `worker`'s; empty when all are taken.
  std::optional<Seat> take(std::size_t worker) {
    taken_[worker].fetch_add(1);
    Seat seat(taken_[worker]);
    std::size_t taken = 0;
    for (const auto& of_one : taken_.all()) taken += of_one;
    return taken <= bound_ ? std::optional(std::move(seat)) : std::nullopt;
  }

  /// Gives back what a worker held that was killed.
  void vacate(std::size_t worker) { taken_[worker].store(0); }

 private:
  static_assert(std::atomic<std::size_t>::is_always_lock_free);  // between processes
  const std::size_t bound_;
  Shared<std::atomic<std::size_t>> taken_;
};

}  // namespace echolab
