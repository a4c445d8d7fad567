#include "clients/histogram.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace echolab {
namespace {

void require(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(what);
}

/// Least and greatest must lie in the first and the last bucket, and the sum between the
/// sums of all bounds.
void check_totals(const std::vector<Histogram::Bucket>& buckets,
                  const Histogram::Totals& totals) {
  const auto& [sum, min, max, overflow] = totals;
  constexpr std::uint64_t end = Histogram::range_end_ns;
  if (buckets.empty() && overflow == 0)
    return require(sum == 0 && min == 0 && max == 0, "sum, min or max of no value");
  require(max <= std::numeric_limits<std::int64_t>::max(), "max above 2^63 ns");
  require(buckets.empty()
              ? min >= end && min <= max
              : min >= buckets.front().lower_ns && min <= buckets.front().upper_ns,
          "min outside the first bucket");
  require(overflow > 0 ? max >= end
                       : max >= buckets.back().lower_ns && max <= buckets.back().upper_ns,
          "max outside the last bucket");
  require(min <= max, "min above max");
  using Wide = unsigned __int128;  // 2^48 values of 2^63 ns
  Wide least = Wide{end} * overflow;
  Wide most = Wide{max} * overflow;
  for (const auto& [lower, upper, count] : buckets) {
    least += Wide{lower} * count;
    most += Wide{upper} * count;
  }
  require(least <= sum && sum <= most, "sum that the buckets cannot have");
}

}  // namespace

Histogram Histogram::restored(const std::vector<Bucket>& listed, const Totals& totals) {
  Histogram histogram;
  std::uint64_t next_ns = 0;
  histogram.count_ = totals.overflow;
  require(totals.overflow <= most_values, "more than 2^48 values");
  for (const auto& [lower, upper, count] : listed) {
    require(lower < range_end_ns && lower >= next_ns, "buckets that do not ascend");
    const std::size_t i = index(lower);
    require(lower == lower_bound(i) && upper == lower_bound(i + 1) - 1,
            "a bucket with bounds of another layout");
    require(count > 0, "an empty bucket");
    require(count <= most_values - histogram.count_, "more than 2^48 values");
    histogram.counts_[i] = count;
    histogram.count_ += count;
    next_ns = upper + 1;
  }
  check_totals(listed, totals);
  histogram.overflow_ = totals.overflow;
  histogram.sum_ = totals.sum_ns;
  histogram.max_ = totals.max_ns;
  if (histogram.count_ > 0) histogram.min_ = totals.min_ns;
  return histogram;
}

void Histogram::merge(const Histogram& other) {
  for (std::size_t i = 0; i < buckets; ++i) counts_[i] += other.counts_[i];
  overflow_ += other.overflow_;
  count_ += other.count_;
  sum_ += other.sum_;
  max_ = std::max(max_, other.max_);
  min_ = std::min(min_, other.min_);
}

double Histogram::mean_ns() const {
  return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_);
}

std::uint64_t Histogram::lower_bound(std::size_t bucket) {
  if (bucket < 2 * sub_buckets) return bucket;
  const std::size_t shift = (bucket >> sub_bits) - 1;
  return (sub_buckets + (bucket & (sub_buckets - 1))) << shift;
}

std::optional<std::uint64_t> Histogram::quantile_ns(double quantile) const {
  const double needed = quantile < 1 ? std::log(0.025) / std::log(quantile) : 1;
  if (count_ == 0 || static_cast<double>(count_) < needed) return std::nullopt;
  const auto rank =
      static_cast<std::uint64_t>(std::ceil(quantile * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets; ++i) {
    seen += counts_[i];
    if (seen >= std::max<std::uint64_t>(rank, 1))
      return std::min(lower_bound(i + 1) - 1, max_);
  }
  return max_;
}

std::vector<Histogram::Bucket> Histogram::non_empty() const {
  std::vector<Bucket> found;
  for (std::size_t i = 0; i < buckets; ++i)
    if (counts_[i] > 0)
      found.push_back({lower_bound(i), lower_bound(i + 1) - 1, counts_[i]});
  return found;
}

}  // namespace echolab
