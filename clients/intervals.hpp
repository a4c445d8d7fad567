// Intervals: the response times of one load thread, a part of the window at a time.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "clients/histogram.hpp"
#include "clients/load_clock.hpp"

namespace echolab {

/// What came in one interval of the measured window.
struct LoadInterval {
  std::uint64_t number = 0;  ///< 0 … from the window's begin
  double begin_seconds = 0;  ///< since the window's begin
  double seconds = 0;
  bool is_rest = false;  ///< what was intended inside the window and came after its end
  Histogram response;    ///< of the replies that came inside the interval
};

/// One thread records, another one takes each interval when it is whole, while the first
/// goes on: neither waits, and nothing is lost. Four intervals may wait to be taken; when
/// nobody takes them, the last one grows, and counts as the last that it spans. No lock
/// and no allocation while recording.
class Intervals {
 public:
  /// `length_ns` of each; 0: none are kept.
  explicit Intervals(std::int64_t length_ns) : length_ns_(length_ns) {
    if (length_ns_ > 0)
      for (Slot& slot : slots_) slot.histogram.emplace();
  }
  [[nodiscard]] bool are_kept() const { return length_ns_ > 0; }

  // --- the thread that records
  void begin(std::int64_t window_begin_ns) {
    if (are_kept()) end_ns_ = window_begin_ns + length_ns_;
  }
  /// To be called often: an interval also ends when nothing is recorded.
  void pass(std::int64_t now_ns) {
    while (now_ns >= end_ns_) next();
  }
  void record(std::int64_t response_ns, std::int64_t now_ns) {
    if (end_ns_ == never_ns && !is_rest_) return;
    pass(now_ns);
    current().histogram->record(response_ns);
  }
  /// The window has ended at `now_ns`: the current one is whole, shorter or not, and what
  /// is recorded from now on is the rest.
  void end(std::int64_t now_ns) {
    if (end_ns_ == never_ns) return;
    pass(now_ns);
    if (now_ns > end_ns_ - length_ns_) next();
    end_ns_ = never_ns;
    is_rest_ = true;
  }

  // --- the one who takes
  /// Intervals that are whole have numbers below this.
  [[nodiscard]] std::uint64_t whole() const {
    return whole_.load(std::memory_order_acquire);
  }
  /// Adds what is whole and below `number` to `total`, and empties it.
  void take_until(std::uint64_t number, Histogram& total) {
    while (taken_slots_ < finished_slots_.load(std::memory_order_acquire)) {
      Slot& slot = slots_[taken_slots_ % slots];
      if (slot.number >= number) return;
      total.merge(*slot.histogram);
      *slot.histogram = Histogram();
      given_back_.store(++taken_slots_, std::memory_order_release);
    }
  }
  /// After the last record: what no whole interval has.
  void take_rest(Histogram& total) {
    if (are_kept()) total.merge(*current().histogram);
  }

 private:
  static constexpr std::size_t slots = 4;
  struct Slot {
    std::optional<Histogram> histogram;
    std::uint64_t number = 0;
  };

  Slot& current() {
    return slots_[finished_slots_.load(std::memory_order_relaxed) % slots];
  }
  void next() {
    const std::uint64_t number = whole_.load(std::memory_order_relaxed);
    const std::uint64_t finished = finished_slots_.load(std::memory_order_relaxed);
    current().number = number;
    if (finished + 1 - given_back_.load(std::memory_order_acquire) < slots)
      finished_slots_.store(finished + 1, std::memory_order_release);
    whole_.store(number + 1, std::memory_order_release);
    end_ns_ += length_ns_;
  }

  const std::int64_t length_ns_;
  std::array<Slot, slots> slots_;
  std::int64_t end_ns_ = never_ns;  ///< of the current one
  bool is_rest_ = false;
  std::atomic<std::uint64_t> whole_{0};
  std::atomic<std::uint64_t> finished_slots_{0};
  std::atomic<std::uint64_t> given_back_{0};
  std::uint64_t taken_slots_ = 0;  ///< the taker's
};

}  // namespace echolab
