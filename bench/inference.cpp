#include "bench/inference.hpp"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>

namespace echolab {
namespace {

constexpr double chance = 0.05;  // of an interval that does not hold the median

}  // namespace

std::size_t median_interval_rank(std::size_t n) {
  if (n == 0) return 0;
  const boost::math::binomial_distribution<double> below(static_cast<double>(n), 0.5);
  std::size_t rank = 0;
  while (2 * boost::math::cdf(below, static_cast<double>(rank)) <= chance) ++rank;
  return rank;
}

std::optional<MedianInterval> median_interval(std::vector<double> figures) {
  const std::size_t n = figures.size();
  const std::size_t rank = median_interval_rank(n);
  if (rank == 0) return std::nullopt;
  std::ranges::sort(figures);
  return MedianInterval{.low = figures[rank - 1],
                        .middle = (figures[(n - 1) / 2] + figures[n / 2]) / 2,
                        .high = figures[n - rank]};
}

}  // namespace echolab
