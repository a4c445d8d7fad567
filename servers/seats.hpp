// Seats: how many clients a threaded model holds.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <utility>

namespace echolab {

/// A bounded number of seats, one per client. Any thread may take and give back.
class Seats {
 public:
  /// Taken until it is destroyed.
  class Seat {
   public:
    Seat() = default;
    explicit Seat(Seats& seats) : seats_(&seats) {}
    Seat(Seat&& other) noexcept : seats_(std::exchange(other.seats_, nullptr)) {}
    Seat& operator=(Seat&& other) noexcept {
      std::swap(seats_, other.seats_);
      return *this;
    }
    ~Seat() {
      if (seats_ != nullptr) seats_->give_back();
    }

   private:
    Seats* seats_ = nullptr;
  };

  explicit Seats(std::size_t bound) : bound_(bound) {}

  /// Empty when all are taken.
  std::optional<Seat> take() {
    const std::lock_guard lock(mutex_);
    if (taken_ >= bound_) return std::nullopt;
    ++taken_;
    return Seat(*this);
  }

  void wait_until_all_are_free() {
    std::unique_lock lock(mutex_);
    freed_.wait(lock, [this] { return taken_ == 0; });
  }

 private:
  void give_back() {
    const std::lock_guard lock(mutex_);
    if (--taken_ == 0) freed_.notify_all();  // under the lock: `this` may end right after
  }

  const std::size_t bound_;
  std::size_t taken_ = 0;
  std::mutex mutex_;
  std::condition_variable freed_;
};

}  // namespace echolab
