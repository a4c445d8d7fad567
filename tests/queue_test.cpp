// That a schedule loads a queue as theory says: a single server, in simulated time, keeps
// its clients waiting as long as Pollaczek and Khinchine's formula has it.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "clients/draw.hpp"
#include "clients/schedule.hpp"
#include "tests/goodness_of_fit.hpp"

namespace echolab {
namespace {

constexpr double rate = 10'000;
constexpr std::size_t arrivals = 1'000'000;

struct Service {
  bool exponential;  ///< or always the same
  double mean_ns;

  /// Mean of the square over the square of the mean.
  [[nodiscard]] double second_moment() const { return exponential ? 2 : 1; }
};

/// From one arrival that need not wait to the next one: busy periods are independent.
struct BusyPeriod {
  double served = 0;
  double waited_ns = 0;
};

/// Lindley's recursion: who comes waits for what is left of the work before it.
std::vector<BusyPeriod> busy_periods(const ArrivalPlan& plan, const Service& service,
                                     std::uint64_t seed) {
  Schedule schedule(plan, seed);
  Draw draw(seed + 1'000);
  std::vector<BusyPeriod> periods;
  double free_ns = 0;
  for (std::size_t i = 0; i < arrivals; ++i) {
    const auto now_ns = static_cast<double>(schedule.peek().value_or(0));
    schedule.pop();
    const double wait_ns = std::max(0.0, free_ns - now_ns);
    if (wait_ns == 0) periods.emplace_back();
    periods.back().served += 1;
    periods.back().waited_ns += wait_ns;
    const double work = service.exponential ? draw.exponential() : 1;
    free_ns = now_ns + wait_ns + work * service.mean_ns;
  }
  return periods;
}

struct Estimate {
  double mean_ns;
  double deviation_ns;
};

/// The regenerative method (Crane, Iglehart 1975): a ratio of sums over independent
/// periods, and its deviation.
Estimate mean_wait(const std::vector<BusyPeriod>& periods) {
  double served = 0;
  double waited_ns = 0;
  for (const BusyPeriod& period : periods) {
    served += period.served;
    waited_ns += period.waited_ns;
  }
  const double mean_ns = waited_ns / served;
  double squares = 0;
  for (const BusyPeriod& period : periods)
    squares += std::pow(period.waited_ns - mean_ns * period.served, 2);
  return {mean_ns, std::sqrt(squares) / served};
}

ArrivalPlan plan_of(const std::string& law) {
  ArrivalOptions options;
  options.arrivals = law;
  options.rate = std::to_string(static_cast<int>(rate));
  return parse_arrivals(options);
}

/// How many deviations the mean wait is off from that of Poisson arrivals.
double off(const std::string& law, double utilisation, bool exponential) {
  const Service service{exponential, utilisation * 1e9 / rate};
  const Estimate wait = mean_wait(busy_periods(plan_of(law), service, 15));
  const double expected_ns =
      utilisation * service.mean_ns * service.second_moment() / 2 / (1 - utilisation);
  return (wait.mean_ns - expected_ns) / wait.deviation_ns;
}

TEST(Queue, PoissonArrivalsWaitAsPollaczekAndKhinchineSay) {
  for (const double utilisation : {0.3, 0.6, 0.8})
    for (const bool exponential : {true, false})
      EXPECT_LT(std::fabs(off("poisson", utilisation, exponential)), normal_bound)
          << utilisation << (exponential ? " M/M/1" : " M/D/1");
}

TEST(Queue, SteadierArrivalsWaitLessAndBurstierOnesMore) {
  for (const double utilisation : {0.3, 0.6, 0.8})
    for (const bool exponential : {true, false}) {
      EXPECT_LT(off("gamma:0.8", utilisation, exponential), -normal_bound) << utilisation;
      EXPECT_GT(off("gamma:1.2", utilisation, exponential), normal_bound) << utilisation;
    }
  EXPECT_LT(off("fixed", 0.8, true), -normal_bound);
}

}  // namespace
}  // namespace echolab
