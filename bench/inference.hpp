// What a few figures say of the law that they come from, whatever that law is.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace echolab {

/// From low to high it holds the median of the law in at least 95 of 100 cases.
struct MedianInterval {
  double low = 0;
  double middle = 0;  ///< the median of the figures themselves
  double high = 0;
};

/// The rank k, from 1, for which the k-th smallest and the k-th greatest of n figures are
/// the narrowest such interval: the greatest k for which no more than 2.5 % of the cases
/// have fewer than k of them below the median (a binomial law). 0 for n < 6: there is
/// none. Source: David and Nagaraja, Order Statistics, 7.1. The report's numbers are the
/// same (scripts/report/inference.py), here and below.
std::size_t median_interval_rank(std::size_t n);

/// Of figures in any order; empty for fewer than 6.
std::optional<MedianInterval> median_interval(std::vector<double> figures);

/// The p of Friedman's test of "all columns are alike", ties included: a row per round, a
/// column per system, all rows alike long. Empty for fewer than 2 rows or 3 columns, and
/// where every row is of equal figures. Source: Conover, Practical Nonparametric
/// Statistics, 5.8; its chi-squared law is rough for fewer than about ten rounds.
std::optional<double> friedman_p(const std::vector<std::vector<double>>& rows);

/// Nearer to 1 than by this factor, a ratio is none.
inline constexpr double least_tie_factor = 1.02;

}  // namespace echolab
