// Steadiness: whether the replies of a window came at one rate, or at a changing one.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "clients/load_clock.hpp"

namespace echolab {

/// Replies in 64 equal parts of a window, in order.
using WindowParts = std::array<std::uint64_t, 64>;

/// Counts them: a comparison for each reply.
class PartCounter {
 public:
  void begin(std::int64_t begin_ns, std::int64_t length_ns) {
    length_ns_ = length_ns / static_cast<std::int64_t>(parts_.size());
    end_ns_ = length_ns_ > 0 ? begin_ns + length_ns_ : never_ns;
  }
  void count(std::int64_t now_ns) {
    while (now_ns >= end_ns_) {
      ++part_;
      end_ns_ = part_ + 1 < parts_.size() ? end_ns_ + length_ns_ : never_ns;
    }
    ++parts_[part_];
  }
  [[nodiscard]] const WindowParts& parts() const { return parts_; }

 private:
  WindowParts parts_{};
  std::size_t part_ = 0;
  std::int64_t length_ns_ = 0;
  std::int64_t end_ns_ = never_ns;
};

/// Why a closed loop's throughput was not steady, in words; empty: it was, or there are
/// too few replies to tell (16 a part on average). Unsteady is what both drifts, by the
/// test of Mann (1945) and Kendall (1975) on the medians of 16 batches of 4 parts at
/// p < 0.001, so that neighbours need not be independent, and differs by more than 10 %
/// between the medians of the window's halves: what a user would see.
std::optional<std::string> drift(const WindowParts& parts);

}  // namespace echolab
