#include "bench/sign_flips.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "clients/echo_caller.hpp"

namespace echolab {
namespace {

constexpr std::size_t whole = 12;   // rounds: up to so many, every way to turn them over
constexpr std::size_t some = 2048;  // ways that are drawn where there are more
constexpr double farthest = 2.5;    // times the median size: no round counts more
constexpr double near = 1e-9;       // sums of other orders are equal

double median_size(const std::vector<double>& logs) {
  std::vector<double> sizes;
  for (const double log : logs) sizes.push_back(std::abs(log));
  std::ranges::sort(sizes);
  const std::size_t n = sizes.size();
  return n == 0 ? 0 : (sizes[(n - 1) / 2] + sizes[n / 2]) / 2;
}

/// The logarithms, 0 in a round without; one that is far out is drawn nearer; of length
/// 1, so that the sum is one-sidedness: from 0 to the root of the number of rounds.
std::vector<double> scaled(const RatiosByRound& ratios,
                           const std::vector<std::uint64_t>& rounds) {
  std::vector<double> logs;
  for (const auto& [round, ratio] : ratios) logs.push_back(std::log(ratio));
  const double most = farthest * median_size(logs);
  double squares = 0;
  for (double& log : logs) {
    log = std::clamp(log, -most, most);
    squares += log * log;
  }
  std::vector<double> row(rounds.size());
  auto next = logs.begin();
  for (const auto& [round, ratio] : ratios) {
    const auto place = std::ranges::lower_bound(rounds, round) - rounds.begin();
    row[static_cast<std::size_t>(place)] = squares > 0 ? *next / std::sqrt(squares) : 0;
    ++next;
  }
  return row;
}

std::size_t ways_of(std::size_t rounds) {
  return rounds <= whole ? std::size_t{1} << (rounds - 1) : some;
}

/// +1 or -1 for each round. To turn over all of them changes nothing, so the last one
/// stays where every way is there; the first way turns none.
void turn(std::size_t way, std::vector<double>& signs) {
  const std::size_t rounds = signs.size();
  for (std::size_t i = 0; i < rounds; ++i) {
    const bool is_turned =
        rounds <= whole ? (way >> i & 1) != 0 : scrambled((way << 32) + i) >> 63 != 0;
    signs[i] = is_turned && way > 0 ? -1 : 1;
  }
}

double one_sidedness(const std::vector<double>& row, const std::vector<double>& signs) {
  return std::abs(std::inner_product(row.begin(), row.end(), signs.begin(), 0.0));
}

/// A ratio of the family, as it is turned over.
struct Side {
  std::size_t place;        ///< in the family
  std::vector<double> row;  ///< by round, of length 1 or 0
  double observed;
  std::size_t reached = 0;  ///< ways in which this or a less one-sided one gets there
};

std::vector<std::uint64_t> rounds_of(const std::vector<RatiosByRound>& family) {
  std::set<std::uint64_t> rounds;
  for (const RatiosByRound& ratios : family)
    for (const auto& [round, ratio] : ratios) rounds.insert(round);
  return {rounds.begin(), rounds.end()};
}

}  // namespace

std::vector<double> sign_flip_p(const std::vector<RatiosByRound>& family) {
  std::vector<double> p(family.size(), 1);
  const std::vector<std::uint64_t> rounds = rounds_of(family);
  if (rounds.empty()) return p;
  std::vector<double> signs(rounds.size(), 1);
  std::vector<Side> sides;
  for (const RatiosByRound& ratios : family) {
    auto row = scaled(ratios, rounds);
    const double observed = one_sidedness(row, signs);
    sides.push_back({sides.size(), std::move(row), observed});
  }
  std::ranges::stable_sort(sides, {}, &Side::observed);
  const std::size_t ways = ways_of(rounds.size());
  for (std::size_t way = 0; way < ways; ++way) {
    turn(way, signs);
    double greatest = 0;
    for (Side& side : sides) {
      greatest = std::max(greatest, one_sidedness(side.row, signs));
      if (greatest >= side.observed - near) ++side.reached;
    }
  }
  double least = 0;  // who is less one-sided has no smaller p
  for (auto side = sides.rbegin(); side != sides.rend(); ++side) {
    least =
        std::max(least, static_cast<double>(side->reached) / static_cast<double>(ways));
    p[side->place] = least;
  }
  return p;
}

}  // namespace echolab
