// Histogram's counts as an HdrHistogram has them.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

#include "clients/histogram.hpp"

namespace echolab {

/// An HdrHistogram of 3 significant digits and a least unit of 1 ns (G. Tene,
/// AbstractHistogram.java). Up to 2^37 ns its buckets are Histogram's, bound for bound,
/// so that counts go over as they are.
///
///     index   0 … 2047   2048 … 3071   3072 … 4095
///     values  1 ns each  2 ns each     4 ns each      and so on
struct HdrLayout {
  static constexpr std::uint64_t sub_buckets = 2'048;  ///< for 3 digits: 2 x 10^3, and up
  static constexpr int digits = 3;

  /// What the value is shifted by: 2 to its power is the width of its bucket in ns.
  static int shift(std::uint64_t ns) {
    return static_cast<int>(std::bit_width(ns | (sub_buckets - 1))) - 11;
  }
  static std::uint64_t lower_ns(std::uint64_t ns) { return ns >> shift(ns) << shift(ns); }
  static std::uint64_t upper_ns(std::uint64_t ns) {
    return lower_ns(ns) + (std::uint64_t{1} << shift(ns)) - 1;
  }
  static std::uint64_t index(std::uint64_t ns) {
    return static_cast<std::uint64_t>(shift(ns)) * sub_buckets / 2 + (ns >> shift(ns));
  }
  /// What stands for a bucket in means: half its width, rounded up, above its least.
  static std::uint64_t middle_ns(std::uint64_t ns) {
    return lower_ns(ns) + (std::uint64_t{1} << shift(ns)) / 2;
  }
};

/// All values, those of the overflow too: they count where the greatest of them does, as
/// Histogram::quantile_ns has it. Ascending, none empty.
inline std::vector<Histogram::Bucket> hdr_buckets(const Histogram& histogram) {
  std::vector<Histogram::Bucket> buckets = histogram.non_empty();
  const std::uint64_t max = histogram.max_ns();
  if (histogram.overflow() > 0)
    buckets.push_back(
        {HdrLayout::lower_ns(max), HdrLayout::upper_ns(max), histogram.overflow()});
  return buckets;
}

/// The greatest value that the HdrHistogram has to have room for.
inline std::uint64_t hdr_highest_ns(const Histogram& histogram) {
  return std::max(Histogram::range_end_ns - 1, HdrLayout::upper_ns(histogram.max_ns()));
}

}  // namespace echolab
