// Pace: lets each of many connections move a few bytes at a time, so many a second.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <vector>

#include "clients/load_clock.hpp"

namespace echolab {

/// A connection moves quantum() bytes and rests; who rested first goes on first, for all
/// rest equally long. Bounded by the number of connections; no allocation after it was
/// made.
class Pace {
 public:
  /// `bytes_per_second` of each connection; 0: nobody rests. One byte at a time, or what
  /// is due every 10 ms.
  Pace(double bytes_per_second, std::size_t connections)
      : quantum_(static_cast<std::size_t>(std::ceil(bytes_per_second / 100))),
        rest_ns_(bytes_per_second > 0 ? std::llround(static_cast<double>(quantum_) * 1e9 /
                                                     bytes_per_second)
                                      : 0),
        resting_(bytes_per_second > 0 ? connections : 0) {}

  /// Bytes that may be moved at once; 0: any number.
  [[nodiscard]] std::size_t quantum() const { return quantum_; }

  /// Each connection at most once at a time.
  void rest(std::uint32_t connection, std::int64_t now_ns) {
    resting_[(first_ + count_++) % resting_.size()] = {now_ns + rest_ns_, connection};
  }
  [[nodiscard]] std::int64_t due_ns() const {
    return count_ == 0 ? never_ns : resting_[first_].end_ns;
  }
  /// Who has rested; empty: nobody yet.
  std::optional<std::uint32_t> next(std::int64_t now_ns) {
    if (due_ns() > now_ns) return std::nullopt;
    const std::uint32_t connection = resting_[first_].connection;
    first_ = (first_ + 1) % resting_.size();
    --count_;
    return connection;
  }

 private:
  struct Rest {
    std::int64_t end_ns;
    std::uint32_t connection;
  };

  std::size_t quantum_;
  std::int64_t rest_ns_;
  std::vector<Rest> resting_;  ///< a ring
  std::size_t first_ = 0;
  std::size_t count_ = 0;
};

}  // namespace echolab
