// Whether numbers follow a law, by tests whose bounds follow from a chance of error.
#pragma once

#include <algorithm>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace echolab {

/// The chance that a test complains of numbers that do follow the law. Seeds are fixed,
/// so that it is met when a test is written, or never.
constexpr double chance_of_error = 1e-6;
/// A normal deviation that is exceeded, on either side, with that chance.
constexpr double normal_bound = 4.9;

/// The greatest distance between the values' share below x and `cdf`(x), Kolmogorov and
/// Smirnov's.
template <class Cdf>
double greatest_distance(std::vector<double> values, const Cdf& cdf) {
  std::sort(values.begin(), values.end());
  const auto n = static_cast<double>(values.size());
  double distance = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double expected = cdf(values[i]);
    distance = std::max({distance, static_cast<double>(i + 1) / n - expected,
                         expected - static_cast<double>(i) / n});
  }
  return distance;
}

/// P(distance > d) ≤ 2 e^(-2 n d²), for every n (Massart 1990).
template <class Cdf>
bool fits(const std::vector<double>& values, const Cdf& cdf) {
  const auto n = static_cast<double>(values.size());
  return greatest_distance(values, cdf) <=
         std::sqrt(std::log(2 / chance_of_error) / 2 / n);
}

/// No detour over long doubles, which takes three times as long.
using InDoubles =
    boost::math::policies::policy<boost::math::policies::promote_double<false>>;

/// Of mean 1; shape 1 is exponential.
inline auto gamma_cdf(double shape) {
  return [shape](double x) {
    return x <= 0 ? 0 : boost::math::gamma_p(shape, shape * x, InDoubles());
  };
}

/// The chance that chi² of so many degrees of freedom exceeds `value`.
inline double chi_squared_tail(double degrees, double value) {
  return boost::math::gamma_q(degrees / 2, value / 2, InDoubles());
}

/// Pearson's test that counts fall into classes as expected: 5 in each at least.
inline bool fits_classes(const std::vector<std::uint64_t>& counts,
                         const std::vector<double>& expected) {
  double sum = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double off = static_cast<double>(counts[i]) - expected[i];
    sum += off * off / expected[i];
  }
  return chi_squared_tail(static_cast<double>(counts.size()) - 1, sum) > chance_of_error;
}

/// Variance over mean: 1 for Poisson's law.
inline double dispersion(const std::vector<std::uint64_t>& counts) {
  const auto n = static_cast<double>(counts.size());
  double sum = 0;
  for (const std::uint64_t count : counts) sum += static_cast<double>(count);
  const double mean = sum / n;
  double squares = 0;
  for (const std::uint64_t count : counts) {
    const double off = static_cast<double>(count) - mean;
    squares += off * off;
  }
  return squares / (n - 1) / mean;
}

/// Fisher's test that counts vary as Poisson's law does, no more and no less: of n
/// counts, 100 or more, (n - 1) dispersion is chi² of n - 1 degrees, whose cube root is
/// as good as normal (Wilson, Hilferty 1931).
inline bool varies_as_poisson(const std::vector<std::uint64_t>& counts) {
  const double variance = 2.0 / 9 / (static_cast<double>(counts.size()) - 1);
  const double off = std::cbrt(dispersion(counts)) - (1 - variance);
  return std::fabs(off) < normal_bound * std::sqrt(variance);
}

}  // namespace echolab
