// Random numbers that follow from a seed alone, on every machine alike.
#pragma once

#include <cstdint>

#include "clients/echo_caller.hpp"

namespace echolab {

/// A stream of random numbers: SplitMix64 (Steele, Lea, Flood 2014). The same seed gives
/// the same numbers to the last bit wherever doubles are IEEE 754's: logarithms are its
/// own, as those of two C libraries may differ. Allocates nothing; copies continue alike.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : state_(scrambled(seed)) {}

  std::uint64_t bits() {
    state_ += 0x9e3779b97f4a7c15;
    return scrambled(state_);
  }
  /// Of (0, 1], a multiple of 2^-53.
  double uniform() { return static_cast<double>((bits() >> 11) + 1) * 0x1p-53; }
  /// Of mean 1, from 0 to `longest`.
  double exponential();
  /// Of mean 1 and coefficient of variation 1/√shape, shape > 0 (Marsaglia, Tsang 2000).
  double gamma(double shape);

  /// Of exponential(), above -ln(2^-53).
  static constexpr double longest = 36.8;

 private:
  double normal();

  std::uint64_t state_;
};

/// ln x of a positive, normal x, off by less than a relative 1e-15.
double portable_log(double x);
/// e^x of |x| ≤ 708, off by less than a relative 1e-13; 0 below.
double portable_exp(double x);

}  // namespace echolab
