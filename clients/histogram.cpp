#include "clients/histogram.hpp"

#include <algorithm>
#include <cmath>

namespace echolab {

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
