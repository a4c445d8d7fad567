// Only +, -, *, / and √ are used, which IEEE 754 says to the last bit. It is compiled
// with -ffp-contract=off, so that none of them is fused.
#include "clients/draw.hpp"

#include <array>
#include <bit>
#include <cmath>

namespace echolab {
namespace {

constexpr double ln_2 = 0x1.62e42fefa39efp-1;

/// artanh(s) / s in powers of s², as 1/1, 1/3, 1/5, …
constexpr auto artanh_series = [] {
  std::array<double, 12> terms{};
  for (std::size_t n = 0; n < terms.size(); ++n)
    terms[n] = 1 / static_cast<double>(2 * n + 1);
  return terms;
}();

}  // namespace

double portable_log(double x) {
  // x = 2^exponent m with m near 1, and ln m = 2 artanh s; s² < 0.0295.
  const auto bits = std::bit_cast<std::uint64_t>(x);
  auto exponent = static_cast<int>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0xfffffffffffff) | std::uint64_t{1023} << 52);
  if (m > 0x1.6a09e667f3bcdp+0) {  // √2
    m /= 2;
    ++exponent;
  }
  const double s = (m - 1) / (m + 1);
  const double square = s * s;
  const double fourth = square * square;
  double even = 0;  // two sums side by side: each waits only for itself
  double odd = 0;
  for (std::size_t n = artanh_series.size(); n > 0; n -= 2) {
    odd = odd * fourth + artanh_series[n - 1];
    even = even * fourth + artanh_series[n - 2];
  }
  return exponent * ln_2 + 2 * s * (even + odd * square);
}

double portable_exp(double x) {
  if (x < -708) return 0;
  const double exponent = std::floor(x / ln_2 + 0.5);
  const double rest = x - exponent * ln_2;  // |rest| < 0.35
  double sum = 1;
  for (int n = 14; n > 0; --n) sum = 1 + sum * rest / n;
  return std::ldexp(sum, static_cast<int>(exponent));
}

double Draw::exponential() {
  return -portable_log(uniform());
}

/// The polar method (Marsaglia, Bray 1964); the second of its two numbers is not kept.
double Draw::normal() {
  while (true) {
    const double x = 2 * uniform() - 1;
    const double y = 2 * uniform() - 1;
    const double square = x * x + y * y;
    if (square > 0 && square < 1)
      return x * std::sqrt(-2 * portable_log(square) / square);
  }
}

double Draw::gamma(double shape) {
  if (shape < 1) {
    const double larger = gamma(shape + 1) * (shape + 1);
    return larger * portable_exp(portable_log(uniform()) / shape) / shape;
  }
  const double d = shape - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = normal();
    const double root = 1 + c * x;
    if (root <= 0) continue;
    const double v = root * root * root;
    if (portable_log(uniform()) < x * x / 2 + d * (1 - v + portable_log(v)))
      return d * v / shape;
  }
}

}  // namespace echolab
