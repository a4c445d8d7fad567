#include "bench/inference.hpp"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/chi_squared.hpp>
#include <cmath>
#include <numeric>

namespace echolab {
namespace {

constexpr double chance = 0.05;  // of an interval without the median; of a false alarm

/// Twice the rank of each size among all, ascending; equal ones share theirs.
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

/// How many choices of signs give each sum of the positive ranks.
std::vector<double> sign_sums(const std::vector<std::size_t>& ranks) {
  std::vector<double> counts(std::accumulate(ranks.begin(), ranks.end(), 1UL));
  counts[0] = 1;
  std::size_t greatest = 0;
  for (const std::size_t rank : ranks) {
    greatest += rank;
    for (std::size_t sum = greatest; sum >= rank; --sum)
      counts[sum] += counts[sum - rank];
  }
  return counts;
}

/// The smallest p that so many rounds can give.
double least_p(std::size_t rounds) {
  return std::exp2(1 - static_cast<double>(rounds));
}

Shown shown(const std::vector<double>& ratios, double p, std::size_t family_size,
            double factor) {
  const auto interval = median_interval(ratios);
  if (!interval) return Shown::too_few;
  if (p < chance && (interval->low > factor || interval->high < 1 / factor))
    return Shown::different;
  if (1 / factor <= interval->low && interval->high <= factor) return Shown::tie;
  const double least = least_p(ratios.size()) * static_cast<double>(family_size);
  return least >= chance ? Shown::too_few : Shown::tie;
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

double signed_rank_p(const std::vector<double>& differences) {
  std::vector<double> kept;
  for (const double d : differences)
    if (d != 0) kept.push_back(d);
  std::ranges::sort(kept, {}, [](double d) { return std::abs(d); });
  std::vector<double> sizes;
  for (const double d : kept) sizes.push_back(std::abs(d));
  const std::vector<std::size_t> ranks = twice_ranks(sizes);
  std::size_t observed = 0;
  for (std::size_t i = 0; i < kept.size(); ++i)
    if (kept[i] > 0) observed += ranks[i];
  const std::vector<double> counts = sign_sums(ranks);
  const auto at = counts.begin() + static_cast<std::ptrdiff_t>(observed);
  const double tail = std::min(std::accumulate(counts.begin(), at + 1, 0.0),
                               std::accumulate(at, counts.end(), 0.0));
  return std::min(1.0, 2 * tail / std::accumulate(counts.begin(), counts.end(), 0.0));
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

std::vector<double> holm(const std::vector<double>& p_values) {
  std::vector<std::size_t> by_size(p_values.size());
  std::iota(by_size.begin(), by_size.end(), 0UL);
  std::ranges::stable_sort(by_size, {}, [&](std::size_t i) { return p_values[i]; });
  std::vector<double> corrected(p_values.size());
  double greatest = 0;
  for (std::size_t place = 0; place < by_size.size(); ++place) {
    const auto left = static_cast<double>(by_size.size() - place);
    greatest = std::max(greatest, std::min(1.0, left * p_values[by_size[place]]));
    corrected[by_size[place]] = greatest;
  }
  return corrected;
}

std::vector<Shown> judge(const std::vector<std::vector<double>>& family, double factor) {
  std::vector<double> p_values;
  for (const std::vector<double>& ratios : family) {
    std::vector<double> differences;
    for (const double ratio : ratios) differences.push_back(std::log(ratio));
    p_values.push_back(signed_rank_p(differences));
  }
  const std::vector<double> corrected = holm(p_values);
  std::vector<Shown> words;
  for (std::size_t i = 0; i < family.size(); ++i)
    words.push_back(shown(family[i], corrected[i], family.size(), factor));
  return words;
}

std::size_t rounds_needed(std::size_t family_size) {
  std::size_t rounds = 6;
  while (least_p(rounds) * static_cast<double>(family_size) >= chance) ++rounds;
  return rounds;
}

}  // namespace echolab
