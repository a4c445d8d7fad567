#include "clients/steadiness.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <vector>

namespace echolab {
namespace {

constexpr std::size_t batches = 16;
constexpr double least_replies = 16;    // a part, on average
constexpr double significant = 3.2905;  // of a normal: p = 0.001, both sides
constexpr double relevant = 0.10;       // of the first half's rate

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle]
                                : (values[middle - 1] + values[middle]) / 2;
}

/// How many deviations the ordered pairs that rise exceed those that fall; corrected for
/// continuity. Ties make the deviation a little too large: the test is on the safe side.
double mann_kendall(const std::vector<double>& values) {
  double sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i)
    for (std::size_t j = i + 1; j < values.size(); ++j)
      sum += static_cast<double>((values[j] > values[i]) - (values[j] < values[i]));
  const auto n = static_cast<double>(values.size());
  const double deviation = std::sqrt(n * (n - 1) * (2 * n + 5) / 18);
  return sum == 0 ? 0 : (sum - std::copysign(1, sum)) / deviation;
}

}  // namespace

std::optional<std::string> drift(const WindowParts& parts) {
  const auto total = std::accumulate(parts.begin(), parts.end(), 0.0);
  if (total < least_replies * static_cast<double>(parts.size())) return std::nullopt;
  std::vector<double> rates;
  constexpr std::size_t each = std::tuple_size_v<WindowParts> / batches;
  for (std::size_t i = 0; i < parts.size(); i += each) {
    const auto batch = std::span(parts).subspan(i, each);
    rates.push_back(median({batch.begin(), batch.end()}));
  }
  const double z = mann_kendall(rates);
  const auto middle = rates.begin() + batches / 2;
  const double first = median({rates.begin(), middle});
  const double second = median({middle, rates.end()});
  const double change = first > 0 ? second / first - 1 : 1;
  if (std::abs(z) < significant || std::abs(change) < relevant) return std::nullopt;
  return fmt::format(
      "throughput drifts: {:.0f} % {} in the second half of the window than in the first "
      "(Mann-Kendall z = {:.1f}); a longer --warm-up helps if it settles at all",
      std::abs(change) * 100, change > 0 ? "more" : "less", z);
}

}  // namespace echolab
