// Histogram: how long things took, in nanoseconds, exact enough and cheap.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace echolab {

/// Log-linear counts of durations from 0 ns to 2^37 ns (137 s): exact below 2 048 ns,
/// then 1 024 buckets an octave, so a value is off by less than 0.1 %. Above, it is
/// counted as overflow, never dropped. The layout is HdrHistogram's (G. Tene). Not for
/// more than one thread: each has its own, and merging is adding.
class Histogram {
 public:
  struct Bucket {
    std::uint64_t lower_ns;  ///< least value counted here
    std::uint64_t upper_ns;  ///< greatest
    std::uint64_t count;
  };
  /// What the buckets do not say.
  struct Totals {
    std::uint64_t sum_ns = 0;
    std::uint64_t min_ns = 0;    ///< 0 when nothing was recorded
    std::uint64_t max_ns = 0;    ///< likewise
    std::uint64_t overflow = 0;  ///< values of range_end_ns or more
  };
  static constexpr std::uint64_t range_end_ns = std::uint64_t{1} << 37;
  /// Of all values: a million a second for nine years.
  static constexpr std::uint64_t most_values = std::uint64_t{1} << 48;

  /// The histogram whose non_empty() and totals() were written down. Throws
  /// std::invalid_argument, in words, for what none can have: no bucket of this layout,
  /// not ascending, empty, or a total that does not fit the buckets.
  static Histogram restored(const std::vector<Bucket>& listed, const Totals& totals);

  Histogram() : counts_(buckets) {}

  /// Negative durations (a clock that went back) count as 0.
  void record(std::int64_t ns) {
    const auto value = static_cast<std::uint64_t>(ns < 0 ? 0 : ns);
    const std::size_t bucket = index(value);
    if (bucket < buckets)
      ++counts_[bucket];
    else
      ++overflow_;
    ++count_;
    sum_ += value;
    if (value > max_) max_ = value;
    if (value < min_) min_ = value;
  }

  void merge(const Histogram& other);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t overflow() const { return overflow_; }
  [[nodiscard]] std::uint64_t max_ns() const { return max_; }
  [[nodiscard]] std::uint64_t min_ns() const { return count_ == 0 ? 0 : min_; }
  [[nodiscard]] double mean_ns() const;
  [[nodiscard]] Totals totals() const { return {sum_, min_ns(), max_, overflow_}; }

  /// The least bucket bound that at least the share `quantile` (0 … 1) of all values does
  /// not exceed, never more than max_ns(). Empty where too few values support it: a 95 %
  /// interval for the quantile needs ln(0.025)/ln(q) of them (p99: 368, p99.9: 3 688).
  [[nodiscard]] std::optional<std::uint64_t> quantile_ns(double quantile) const;

  /// Those that are not empty, ascending.
  [[nodiscard]] std::vector<Bucket> non_empty() const;

  bool operator==(const Histogram&) const = default;

 private:
  static constexpr int sub_bits = 10;
  static constexpr std::uint64_t sub_buckets = 1u << sub_bits;
  static constexpr int octaves = 37;
  static constexpr std::size_t buckets = (octaves - sub_bits + 1) * sub_buckets;

  // A value of n significant bits, n > 11, keeps its upper 11: the octave is what was
  // shifted away, the sub-bucket the 10 bits after the leading one.
  static std::size_t index(std::uint64_t value) {
    if (value < 2 * sub_buckets) return value;
    const int shift = static_cast<int>(std::bit_width(value)) - (sub_bits + 1);
    return (static_cast<std::size_t>(shift) << sub_bits) + (value >> shift);
  }
  static std::uint64_t lower_bound(std::size_t bucket);

  std::vector<std::uint64_t> counts_;
  std::uint64_t overflow_ = 0;
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;  ///< enough for 584 years, and exact however they are added
  std::uint64_t max_ = 0;
  std::uint64_t min_ = std::numeric_limits<std::uint64_t>::max();
};

}  // namespace echolab
