// That echo_load reports what theory says: its own loop, agenda, window and histograms
// against servers of known law, in simulated time.

#include <gtest/gtest.h>

#include <boost/math/distributions/students_t.hpp>
#include <boost/math/tools/roots.hpp>
#include <cmath>
#include <numeric>

#include "clients/draw.hpp"
#include "clients/load_loop.hpp"
#include "tests/simulated_engine.hpp"

namespace echolab::tests {
namespace {

constexpr double service_mean_ns = 1e6;
constexpr int runs = 20;  // independent ones, each with a seed of its own

enum class Service { exponential, constant };

/// Moves a load through its phases, at simulated moments.
class Script {
 public:
  Script(Timetable& timetable, Nanoseconds warm_up, Nanoseconds duration)
      : timetable_(timetable), warm_up_(warm_up.count()), duration_(duration.count()) {}

  void on_time(std::int64_t now) {
    const Phase phase = timetable_.phase;
    if (phase == Phase::connecting) {
      timetable_.phase = Phase::greeting;
      timetable_.load_begin_ns = now + 1'000'000'000;  // the greetings are over by then
      timetable_.window_begin_ns = timetable_.load_begin_ns + warm_up_;
      timetable_.window_end_ns = timetable_.window_begin_ns + duration_;
    } else if (phase == Phase::greeting) {
      timetable_.phase = Phase::measuring;
    } else if (phase == Phase::measuring && now >= timetable_.window_end_ns) {
      timetable_.phase = Phase::cooling;
    } else if (phase == Phase::cooling) {
      timetable_.phase = Phase::draining;
    }
  }

 private:
  Timetable& timetable_;
  std::int64_t warm_up_;
  std::int64_t duration_;
};

/// What goes wrong in a simulation.
struct Mishaps {
  std::function<int()> connect_error = [] { return 0; };
  std::function<std::int64_t(bool)> oversleeps_ns = [](bool) { return 0; };
  std::function<std::int64_t(std::size_t, std::int64_t)> holds_back_ns =
      [](std::size_t, std::int64_t) { return 0; };
};

LoadResult simulate(const LoadPlan& plan, Service service, const Mishaps& mishaps = {}) {
  const Pattern pattern(plan.seed);
  Timetable timetable;
  Script script(timetable, plan.warm_up, plan.duration);
  Draw draw(plan.seed + 1'000);
  const SimulatedServer server{.request_bytes = plan.request_bytes(),
                               .service_ns =
                                   [&] {
                                     const double factor = service == Service::exponential
                                                               ? draw.exponential()
                                                               : 1;
                                     return std::llround(service_mean_ns * factor);
                                   },
                               .holds_back_ns = mishaps.holds_back_ns,
                               .on_time = [&](std::int64_t now) { script.on_time(now); },
                               .oversleeps_ns = mishaps.oversleeps_ns,
                               .connect_error = mishaps.connect_error};
  const std::vector<Address> nowhere(1);
  LoadLoop<EchoCaller, SimulatedEngine> loop(
      plan, pattern, nowhere,
      {.connections = plan.connections, .spare = plan.spare_connections}, timetable,
      server);
  loop.run();
  LoadResult result;
  loop.add_to(result);
  return result;
}

LoadPlan open_plan(double utilisation, std::size_t connections) {
  LoadPlan plan;
  plan.connections = connections;
  plan.warm_up = std::chrono::seconds(5);
  plan.duration = std::chrono::seconds(60);
  plan.timeout = std::chrono::seconds(10);
  plan.workload.arrivals = ArrivalPlan{.law = ArrivalPlan::Law::poisson,
                                       .rate = utilisation * 1e9 / service_mean_ns,
                                       .replay = nullptr};
  return plan;
}

struct Interval {
  double low;
  double high;
  /// But for the histogram's own resolution, a bucket of 0.1 %.
  [[nodiscard]] bool has(double value) const {
    return low <= value * 1.001 && value * 0.999 <= high;
  }
};
std::ostream& operator<<(std::ostream& out, const Interval& interval) {
  return out << '[' << interval.low << ", " << interval.high << ']';
}

/// Of the mean of independent values, at 99.9 %: Student's t.
Interval interval_of(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double deviation = std::sqrt(squares / (n - 1) / n);
  const double t =
      boost::math::quantile(boost::math::students_t_distribution<>(n - 1), 0.9995);
  return {mean - t * deviation, mean + t * deviation};
}

constexpr double quantiles[] = {0.5, 0.9, 0.99};

/// The mean and the quantiles of the response that a load reports, in service times.
struct Reported {
  std::vector<double> mean;
  std::vector<double> quantile[std::size(quantiles)];
};

Reported report(LoadPlan plan, Service service) {
  Reported reported;
  for (int run = 0; run < runs; ++run) {
    plan.seed = static_cast<std::uint64_t>(run) + 1;
    const LoadResult result = simulate(plan, service);
    EXPECT_EQ(result.errors.total(), 0U) << result.first_failure;
    EXPECT_EQ(result.response.count(), result.offered);
    EXPECT_EQ(result.details->lag.max_ns(), 0U) << "a client that takes no time";
    reported.mean.push_back(result.response.mean_ns() / service_mean_ns);
    for (std::size_t i = 0; i < std::size(quantiles); ++i)
      reported.quantile[i].push_back(
          static_cast<double>(result.response.quantile_ns(quantiles[i]).value_or(0)) /
          service_mean_ns);
  }
  return reported;
}

/// That the law is inside the interval, and that the interval says something.
void expect(const std::vector<double>& reported, double law, const std::string& what) {
  const Interval interval = interval_of(reported);
  EXPECT_TRUE(interval.has(law)) << what << ": " << law << " is not in " << interval;
  EXPECT_LT(interval.high - interval.low, 0.25 * law) << what << ": " << interval;
}

/// Of the time that who comes to M/D/1 waits, in service times (Erlang 1909).
double waits_at_most(double t, double utilisation) {
  double sum = 0;
  double factorial = 1;
  for (int k = 0; k <= static_cast<int>(t); ++k) {
    if (k > 0) factorial *= k;
    const double x = utilisation * (t - k);
    sum += std::pow(-x, k) / factorial * std::exp(x);
  }
  return (1 - utilisation) * sum;
}

double response_of_constant_service(double utilisation, double quantile) {
  if (quantile <= 1 - utilisation) return 1;  // most find nobody there
  const auto [low, high] = boost::math::tools::bisect(
      [&](double t) { return waits_at_most(t, utilisation) - quantile; }, 0.0, 30.0,
      boost::math::tools::eps_tolerance<double>(30));
  return 1 + (low + high) / 2;
}

class LoadLaw : public ::testing::TestWithParam<double> {};

TEST_P(LoadLaw, OfExponentialServiceIsInTheReportedInterval) {
  const double utilisation = GetParam();
  const Reported reported = report(open_plan(utilisation, 64), Service::exponential);
  expect(reported.mean, 1 / (1 - utilisation), "mean");
  for (std::size_t i = 0; i < std::size(quantiles); ++i)
    expect(reported.quantile[i], -std::log(1 - quantiles[i]) / (1 - utilisation),
           fmt::format("quantile {}", quantiles[i]));
}

TEST_P(LoadLaw, OfConstantServiceIsInTheReportedInterval) {
  const double utilisation = GetParam();
  const Reported reported = report(open_plan(utilisation, 64), Service::constant);
  expect(reported.mean, 1 + utilisation / 2 / (1 - utilisation), "mean");
  for (std::size_t i = 0; i < std::size(quantiles); ++i)
    expect(reported.quantile[i], response_of_constant_service(utilisation, quantiles[i]),
           fmt::format("quantile {}", quantiles[i]));
}

INSTANTIATE_TEST_SUITE_P(AtUtilisation, LoadLaw, ::testing::Values(0.3, 0.6, 0.8));

/// Whoever waits for a free connection waits all the same: that is the point of the
/// intended moment.
TEST(LoadLaw, HoldsWithOneConnectionAsWithMany) {
  const Reported reported = report(open_plan(0.6, 1), Service::exponential);
  expect(reported.mean, 1 / (1 - 0.6), "mean");
  expect(reported.quantile[2], -std::log(0.01) / (1 - 0.6), "p99");
}

/// With so many outstanding on one connection, nobody waits in the client.
TEST(LoadLaw, HoldsWhereAnArrivalIsSentOnAnyConnection) {
  LoadPlan plan = open_plan(0.6, 2);
  plan.workload.on_busy = OnBusy::any;
  const Reported reported = report(plan, Service::exponential);
  expect(reported.mean, 1 / (1 - 0.6), "mean");
  expect(reported.quantile[2], -std::log(0.01) / (1 - 0.6), "p99");
  const LoadResult result = simulate(plan, Service::exponential);
  EXPECT_EQ(result.details->blocked.max_ns(), 0U);
  EXPECT_EQ(result.requests_per_connection.size(), 2U);
  EXPECT_GT(result.jain(), 0.99) << "the connections take turns";
}

TEST(LoadLaw, HoldsWhereAnArrivalGetsANewConnection) {
  LoadPlan plan = open_plan(0.6, 2);
  plan.workload.on_busy = OnBusy::make;
  plan.spare_connections = 62;
  const Reported reported = report(plan, Service::exponential);
  expect(reported.mean, 1 / (1 - 0.6), "mean");
  const LoadResult result = simulate(plan, Service::exponential);
  EXPECT_EQ(result.details->blocked.max_ns(), 0U);
  // As many as were ever in the queue at once: 0.6^n of the time n or more.
  EXPECT_GT(result.requests_per_connection.size(), 8U);
  EXPECT_LT(result.requests_per_connection.size(), 64U);
  EXPECT_EQ(result.connected, result.requests_per_connection.size());
  EXPECT_EQ(result.details->connect.count(), result.connected);
}

/// Beyond what may be outstanding, an arrival waits, and is charged for it.
TEST(LoadLaw, HoldsWhereNoConnectionTakesOneMore) {
  LoadPlan plan = open_plan(0.8, 1);
  plan.workload.on_busy = OnBusy::make;
  plan.spare_connections = 2;
  const LoadResult result = simulate(plan, Service::exponential);
  EXPECT_EQ(result.requests_per_connection.size(), 3U);
  EXPECT_GT(result.details->blocked.max_ns(), 0U);
  EXPECT_EQ(result.response.count(), result.offered);
  const Reported reported = report(plan, Service::exponential);
  expect(reported.mean, 1 / (1 - 0.8), "mean");
}

/// An arrival whose own connection fails at once was offered all the same, and never
/// answered: none may vanish with what went wrong.
TEST(LoadLaw, CountsArrivalsWhoseConnectionsFailAtOnceAsOfferedAndUnfinished) {
  LoadPlan plan = open_plan(0.8, 1);
  plan.warm_up = {};
  const LoadResult all = simulate(plan, Service::exponential);
  plan.workload.on_busy = OnBusy::make;
  plan.spare_connections = 62;
  const LoadResult result =
      simulate(plan, Service::exponential, {.connect_error = [connects = 0]() mutable {
                 return ++connects % 2 == 0 ? EMFILE : 0;
               }});
  EXPECT_GT(result.errors.connect, 10U);
  EXPECT_EQ(result.offered, all.offered) << "the schedule is the same";
  EXPECT_EQ(result.response.count(), result.offered);
  EXPECT_EQ(result.unfinished, result.errors.connect);
  EXPECT_EQ(result.errors.lost_replies, 0U) << "what was never sent has no reply to lose";
}

/// While the only connection waited for a reply: no slot was free that it could have
/// overlooked, and still what it slept through waited for the generator.
TEST(LoadLaw, ChargesTheGeneratorWithWhatItSleptThrough) {
  constexpr std::int64_t slept_ns = 300'000'000;
  LoadPlan plan = open_plan(0.3, 1);
  int waits = 0;
  const LoadResult result =
      simulate(plan, Service::constant, {.oversleeps_ns = [&](bool is_asked) {
                 return is_asked && ++waits == 3'000 ? slept_ns : std::int64_t{0};
               }});
  EXPECT_EQ(result.response.count(), result.offered);
  // 90 arrivals in 0.3 s: the first of them waited for nearly as long.
  EXPECT_GT(result.details->lag.max_ns(), slept_ns * 9 / 10);
  EXPECT_LT(result.details->lag.max_ns(), slept_ns * 11 / 10);
  std::uint64_t late = 0;
  for (const auto& bucket : result.details->lag.non_empty())
    if (bucket.lower_ns > 1'000'000) late += bucket.count;
  EXPECT_NEAR(static_cast<double>(late), 90, 5 * std::sqrt(90));
}

/// N clients that think for Z and are served in S, both exponential, by mean value
/// analysis (Reiser, Lavenberg 1980): the interactive response time law, R = N / X - Z.
TEST(LoadLaw, OfAClosedLoopThatThinksIsThatOfAnInteractiveSystem) {
  constexpr std::size_t clients = 12;
  constexpr double think = 10;  // service times
  double response = 0;
  double throughput = 0;
  double queue = 0;
  for (std::size_t n = 1; n <= clients; ++n) {
    response = 1 + queue;
    throughput = static_cast<double>(n) / (response + think);
    queue = throughput * response;
  }
  LoadPlan plan = open_plan(0.5, clients);
  plan.workload.arrivals.reset();
  plan.workload.think = TimeLaw::parse("--think", "exp:10ms");
  std::vector<double> responses;
  std::vector<double> throughputs;
  for (int run = 0; run < runs; ++run) {
    plan.seed = static_cast<std::uint64_t>(run) + 1;
    const LoadResult result = simulate(plan, Service::exponential);
    responses.push_back(result.response.mean_ns() / service_mean_ns);
    throughputs.push_back(result.requests_per_second() * service_mean_ns / 1e9);
  }
  expect(responses, response, "response");
  expect(throughputs, throughput, "throughput");
}

/// Little's law, for whoever is always asking: outstanding = throughput x response.
TEST(LoadLaw, OfLittleHoldsForAPipelineToTheRequest) {
  LoadPlan plan = open_plan(0.5, 7);
  plan.workload.arrivals.reset();
  plan.pipeline = 3;
  plan.sizes.reset();
  const LoadResult result = simulate(plan, Service::exponential);
  const double outstanding =
      result.requests_per_second() * result.response.mean_ns() / 1e9;
  // Who straddles an end of the window is counted at one end alone.
  EXPECT_NEAR(outstanding, 21, 2 * 21.0 * 21 / static_cast<double>(result.requests));
  EXPECT_EQ(result.starved(), 0U);
  EXPECT_GT(result.jain(), 0.99);
}

LoadPlan closed_plan(std::size_t connections) {
  LoadPlan plan = open_plan(0.5, connections);
  plan.workload.arrivals.reset();
  return plan;
}

double longest_starvation_ms(const LoadResult& result) {
  return static_cast<double>(result.longest_starvation_ns.value_or(-1)) / 1e6;
}

/// Each of five waits for the four others: 5 ms, or as long as it is held back for.
TEST(LoadLaw, OfStarvationIsThatOfTheOneWhoIsHeldBack) {
  EXPECT_NEAR(longest_starvation_ms(simulate(closed_plan(5), Service::constant)), 5, .1);
  bool is_over = false;
  const Mishaps mishaps{.holds_back_ns = [&](std::size_t peer, std::int64_t served_ns) {
    if (peer != 3 || served_ns < 20'000'000'000 || is_over) return 0;
    is_over = true;
    return 700'000'000;
  }};
  const LoadResult result = simulate(closed_plan(5), Service::constant, mishaps);
  EXPECT_NEAR(longest_starvation_ms(result), 705, 1);
  EXPECT_EQ(result.starved(), 0U);
}

TEST(LoadLaw, OfStarvationIsTheWholeWindowForWhoGetsNothing) {
  const Mishaps mishaps{.holds_back_ns = [](std::size_t peer, std::int64_t) {
    return peer == 3 ? std::int64_t{1} << 60 : 0;
  }};
  const LoadPlan plan = closed_plan(5);
  const LoadResult result = simulate(plan, Service::constant, mishaps);
  EXPECT_EQ(result.longest_starvation_ns, plan.duration.count());
  EXPECT_EQ(result.starved(), 1U);
}

/// What lies before the window, or behind it, is not in it.
TEST(LoadLaw, OfStarvationIsCutAtTheWindowsEnds) {
  constexpr std::int64_t begin_ns = 7'000'000'000;  // connected by 1 s, 1 s, warm-up
  const auto starved_ms = [](std::int64_t from_ns, std::int64_t for_ns) {
    bool is_over = false;
    const Mishaps mishaps{.holds_back_ns = [&](std::size_t, std::int64_t served_ns) {
      if (served_ns < from_ns || is_over) return std::int64_t{0};
      is_over = true;
      return for_ns;
    }};
    return longest_starvation_ms(simulate(closed_plan(1), Service::constant, mishaps));
  };
  constexpr std::int64_t s = 1'000'000'000;
  EXPECT_NEAR(starved_ms(begin_ns - 3 * s, 5 * s), 2000, 50);
  EXPECT_NEAR(starved_ms(begin_ns + 57 * s, 5 * s), 3000, 50);
  EXPECT_NEAR(starved_ms(begin_ns - 4 * s, 3 * s), 1, .1);
}

/// With three outstanding a reply comes each millisecond, though each takes three.
TEST(LoadLaw, OfStarvationIsFromReplyToReplyInAPipeline) {
  LoadPlan plan = closed_plan(1);
  plan.pipeline = 3;
  const LoadResult result = simulate(plan, Service::constant);
  EXPECT_NEAR(longest_starvation_ms(result), 1, .01);
  EXPECT_NEAR(result.response.mean_ns(), 3e6, 3e4);
}

/// Where nothing was asked no reply is wanted: a lone client's wait is the service,
/// however rarely it asks.
TEST(LoadLaw, OfStarvationIsNotThatOfWhoAsksNothing) {
  LoadPlan rare = open_plan(0.01, 1);
  rare.workload.arrivals->law = ArrivalPlan::Law::fixed;
  EXPECT_NEAR(longest_starvation_ms(simulate(rare, Service::constant)), 1, .01);
  const LoadResult busy = simulate(open_plan(0.7, 1), Service::constant);
  EXPECT_NEAR(longest_starvation_ms(busy), 1, .01)
      << "arrivals queue, and are no client's";
  LoadPlan thinks = closed_plan(1);
  thinks.workload.think = TimeLaw::parse("--think", "exp:10ms");
  EXPECT_NEAR(longest_starvation_ms(simulate(thinks, Service::constant)), 1, .01);
}

}  // namespace
}  // namespace echolab::tests
