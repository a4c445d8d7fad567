#include "bench/inference.hpp"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/chi_squared.hpp>

namespace echolab {
namespace {

constexpr double chance = 0.05;  // of an interval without the median

/// Twice the rank of each figure among all, ascending; equal ones share theirs.
std::vector<std::size_t> twice_ranks(const std::vector<double>& sorted) {
  std::vector<std::size_t> ranks(sorted.size());
  for (std::size_t first = 0; first < sorted.size();) {
    std::size_t end = first;
    while (end < sorted.size() && sorted[end] == sorted[first]) ++end;
    std::fill(ranks.begin() + static_cast<std::ptrdiff_t>(first),
              ranks.begin() + static_cast<std::ptrdiff_t>(end), first + 1 + end);
    first = end;
  }
  return ranks;
}

/// Twice the rank of each figure in its row, in the row's order.
std::vector<std::size_t> twice_ranks_in_place(const std::vector<double>& row) {
  std::vector<double> sorted = row;
  std::ranges::sort(sorted);
  const auto ranks = twice_ranks(sorted);
  std::vector<std::size_t> found;
  for (const double figure : row) {
    const auto place = std::ranges::lower_bound(sorted, figure) - sorted.begin();
    found.push_back(ranks[static_cast<std::size_t>(place)]);
  }
  return found;
}

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

std::optional<double> friedman_p(const std::vector<std::vector<double>>& rows) {
  const std::size_t columns = rows.empty() ? 0 : rows.front().size();
  if (rows.size() < 2 || columns < 3) return std::nullopt;
  std::vector<double> sums(columns);  // of ranks; their mean is (k + 1) / 2 a row
  double squares = 0;                 // of all ranks
  for (const auto& row : rows) {
    const auto ranks = twice_ranks_in_place(row);
    for (std::size_t i = 0; i < columns; ++i) {
      const double rank = static_cast<double>(ranks[i]) / 2;
      sums[i] += rank;
      squares += rank * rank;
    }
  }
  const auto n = static_cast<double>(rows.size());
  const auto k = static_cast<double>(columns);
  const double mean_sum = n * (k + 1) / 2;
  double between = 0;
  for (const double sum : sums) between += (sum - mean_sum) * (sum - mean_sum);
  const double within = squares - n * k * (k + 1) * (k + 1) / 4;
  if (within <= 0) return std::nullopt;
  const boost::math::chi_squared_distribution<double> law(k - 1);
  return boost::math::cdf(boost::math::complement(law, (k - 1) * between / within));
}

}  // namespace echolab
