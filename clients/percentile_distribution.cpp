#include "clients/percentile_distribution.hpp"

#include <fmt/format.h>

#include <cmath>

#include "clients/hdr_layout.hpp"

namespace echolab {
namespace {

using Buckets = std::vector<Histogram::Bucket>;

double in_us(std::uint64_t ns) {
  return static_cast<double>(ns) / 1'000;
}

/// The percentile that is looked for after `percent` (PercentileIterator.java): a fifth
/// of the last half of the way to 100 further on, itself a power of two of the whole.
double next_level(double percent) {
  constexpr double steps = 5;
  const double halves = std::floor(std::log2(100 / (100 - percent)));
  return percent + 100 / (steps * std::exp2(halves + 1));
}

/// One line for each level that a bucket reaches, but one alone for the last bucket, and
/// then 100 %.
std::string rows(const Buckets& buckets, std::uint64_t total) {
  std::string text;
  double level = 0;
  std::uint64_t seen = 0;
  for (const auto& [lower, upper, count] : buckets) {
    seen += count;
    const double reached = 100 * static_cast<double>(seen) / static_cast<double>(total);
    while (reached >= level) {
      text += fmt::format("{:12.3f} {:.12f} {:10d} {:14.2f}\n", in_us(upper), level / 100,
                          seen, 1 / (1 - level / 100));
      level = next_level(level);
      if (seen == total) break;
    }
  }
  if (total > 0)
    text += fmt::format("{:12.3f} {:.12f} {:10d}\n", in_us(buckets.back().upper_ns), 1.0,
                        total);
  return text;
}

/// Of the buckets' middles; a mean is taken over all of them.
template <class Figure>
double mean_of(const Buckets& buckets, std::uint64_t total, Figure figure) {
  double sum = 0;
  for (const auto& [lower, upper, count] : buckets)
    sum += figure(in_us(HdrLayout::middle_ns(lower))) * static_cast<double>(count);
  return total > 0 ? sum / static_cast<double>(total) : 0;
}

}  // namespace

std::string percentile_distribution(const Histogram& histogram) {
  const Buckets buckets = hdr_buckets(histogram);
  const std::uint64_t total = histogram.count();
  const double mean_us = mean_of(buckets, total, [](double us) { return us; });
  const double variance =
      mean_of(buckets, total, [&](double us) { return (us - mean_us) * (us - mean_us); });
  std::string text = fmt::format("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile",
                                 "TotalCount", "1/(1-Percentile)");
  text += rows(buckets, total);
  text += fmt::format("#[Mean    = {:12.3f}, StdDeviation   = {:12.3f}]\n", mean_us,
                      std::sqrt(variance));
  text += fmt::format("#[Max     = {:12.3f}, Total count    = {:12d}]\n",
                      buckets.empty() ? 0 : in_us(buckets.back().upper_ns), total);
  text += fmt::format("#[Buckets = {:12d}, SubBuckets     = {:12d}]\n",
                      HdrLayout::shift(hdr_highest_ns(histogram)) + 1,
                      HdrLayout::sub_buckets);
  return text;
}

}  // namespace echolab
