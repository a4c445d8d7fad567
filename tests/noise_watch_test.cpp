// What a machine takes from a load is seen, and judged only where nobody should take it.

#include "clients/noise_watch.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "clients/load_report.hpp"
#include "common/affinity.hpp"
#include "common/drive.hpp"
#include "common/machine.hpp"
#include "tests/eventually.hpp"
#include "tests/wrong_server.hpp"

namespace echolab::tests {
namespace {

using namespace std::chrono_literals;

/// Two threads on two CPUs for a second, that ran half of it and wanted no more.
Noise quiet() {
  Noise noise;
  noise.seconds = 1;
  noise.threads = noise.cpus = 2;
  noise.waited_seconds = 0.01;
  noise.ran_seconds = 1;
  noise.others_seconds = 0.02;
  return noise;
}

TEST(Disturbance, AQuietMachineIsNone) {
  EXPECT_EQ(disturbance(quiet()), std::nullopt);
  EXPECT_EQ(disturbance(Noise()), std::nullopt);
}

TEST(Disturbance, IsMoreThan15PercentOfTheWantedTime) {
  Noise noise = quiet();
  noise.waited_seconds = 0.17;
  EXPECT_EQ(disturbance(noise), std::nullopt);
  noise.waited_seconds = 0.25;
  EXPECT_EQ(disturbance(noise),
            "others had the load's CPU for 20 % of the time in which it wanted one");
}

TEST(Disturbance, OfALoadThatSleepsIsMeasuredByWhatItWanted) {
  Noise noise = quiet();
  noise.ran_seconds = 0.1;
  noise.waited_seconds = 0.1;
  EXPECT_NE(disturbance(noise), std::nullopt);
  noise.ran_seconds = noise.waited_seconds.emplace(0.019);
  EXPECT_EQ(disturbance(noise), std::nullopt) << "under 1 % of all time";
}

TEST(Disturbance, IsMoreThan5PercentStolen) {
  Noise noise = quiet();
  noise.stolen_seconds = 0.09;
  EXPECT_EQ(disturbance(noise), std::nullopt);
  noise.stolen_seconds = 0.12;
  EXPECT_EQ(disturbance(noise), "the hypervisor took 6 % of the load's CPU time");
  noise.seconds = 0.2;
  noise.stolen_seconds = 0.04;
  EXPECT_EQ(disturbance(noise), std::nullopt) << "a few ticks of 10 ms";
}

TEST(Disturbance, IsNotToldInLessThan100Ms) {
  Noise noise = quiet();
  noise.seconds = 0.09;
  noise.waited_seconds = 0.09;
  noise.ran_seconds = 0.01;
  EXPECT_EQ(disturbance(noise), std::nullopt);
  noise.seconds = 0.11;
  EXPECT_NE(disturbance(noise), std::nullopt);
}

TEST(Disturbance, ThreadsThatWaitForEachOtherAreNone) {
  Noise noise = quiet();
  noise.waited_seconds = 1;
  EXPECT_NE(disturbance(noise), std::nullopt);
  noise.cpus = 1;
  EXPECT_EQ(disturbance(noise), std::nullopt);
}

LoadResult disturbed_result() {
  LoadResult result;
  result.seconds = 1;
  result.requests = 1'000;
  result.requests_per_connection = {1'000};
  result.noise = quiet();
  result.noise->waited_seconds = 1;
  return result;
}

TEST(Judge, OthersOnTheCpusAreNoisyOnlyWhereNobodyShouldBe) {
  LoadPlan plan;
  Judgement judgement = judge(plan, disturbed_result());
  EXPECT_EQ(judgement.verdict, Verdict::valid);
  EXPECT_EQ(judgement.warnings.size(), 1u);
  plan.is_alone = true;
  judgement = judge(plan, disturbed_result());
  EXPECT_EQ(judgement.verdict, Verdict::noisy);
  EXPECT_TRUE(judgement.warnings.empty());
  EXPECT_NE(judgement.reason.find("50 %"), std::string::npos) << judgement.reason;
}

TEST(Judge, WhatNoiseDoesNotExplainStaysWhatItIsWithAWarning) {
  LoadPlan plan;
  plan.is_alone = true;
  LoadResult result = disturbed_result();
  result.client_cpu_ns = 0.97e9;
  EXPECT_EQ(judge(plan, result).verdict, Verdict::client_bound);
  result.errors.mismatch = 1;
  EXPECT_EQ(judge(plan, result).verdict, Verdict::corrupt);
  EXPECT_EQ(judge(plan, result).warnings.size(), 1u);
}

TEST(Judge, AnOverloadOnANoisyMachineIsNoisyAndSaysBoth) {
  LoadPlan plan;
  plan.is_alone = true;
  plan.workload.arrivals.emplace();
  LoadResult result = disturbed_result();
  result.offered = 1'000;
  result.dropped = 100;
  const Judgement judgement = judge(plan, result);
  EXPECT_EQ(judgement.verdict, Verdict::noisy);
  EXPECT_NE(judgement.reason.find("100 of 1000 arrivals"), std::string::npos)
      << judgement.reason;
}

TEST(Noise, TableAndJsonTellIt) {
  const LoadResult result = disturbed_result();
  const std::string table = load_table({}, result);
  EXPECT_NE(table.find("waited 50.0 % of the time that it wanted a CPU   0 involuntary "
                       "switches   0.0 % stolen   others 0.02 cores of 2"),
            std::string::npos)
      << table;
  const auto noise = load_json({}, result)["noise"];
  EXPECT_EQ(noise["waited_seconds"], 1.0);
  EXPECT_EQ(noise["threads"], 2);
}

/// Busy loops on one CPU, until this goes.
class Hogs {
 public:
  Hogs(int cpu, int many) {
    for (int i = 0; i < many; ++i)
      threads_.emplace_back([cpu](const std::stop_token& over) {
        pin_this_thread({cpu});
        while (!over.stop_requested()) {
        }
      });
  }

 private:
  std::vector<std::jthread> threads_;
};

// The watched thread wants a CPU all the time, beside three others that do.
TEST(NoiseWatch, SeesAThreadWaitForItsCpuAndWhoHasIt) {
  const int cpu = allowed_cpus().front();
  const Hogs hogs(cpu, 3);
  std::atomic<pid_t> id{0};
  const std::jthread watched([&](const std::stop_token& over) {
    pin_this_thread({cpu});
    id = ::gettid();
    while (!over.stop_requested()) {
    }
  });
  ASSERT_TRUE(eventually([&] { return id != 0; }));
  const NoiseWatch watch({id}, {cpu});
  Noise noise;
  EXPECT_TRUE(eventually([&] {
    noise = watch.until_now();
    return noise.waited_seconds.value_or(1) > 0.3 && noise.involuntary_switches > 0 &&
           noise.others_seconds.value_or(1) > 0.1;
  }));
  if (!noise.waited_seconds) GTEST_SKIP() << "no schedstat here";
  EXPECT_LE(*noise.waited_seconds + noise.ran_seconds, noise.seconds * 1.05);
  EXPECT_TRUE(disturbance(noise).has_value()) << noise_text(noise);
}

/// 300 ms of a load that has `cpu` to itself, as it thinks.
Judgement judged_on(int cpu, const Endpoint& server) {
  LoadPlan plan;
  plan.server = server;
  plan.cpus = {cpu};
  plan.is_alone = true;
  plan.warm_up = 50ms;
  plan.duration = 300ms;
  const LoadResult result = run_load(plan);
  EXPECT_EQ(result.errors.total(), 0u) << result.first_failure;
  EXPECT_TRUE(result.noise.has_value());
  return judge(plan, result);
}

// Eight rivals leave the load a ninth of the CPU that it wants most of the time. Where
// the server is kept from its own CPU as well, the load may want little: so it is asked
// again.
TEST(NoiseWatch, ALoadWhoseCpuOthersHaveIsNoisyOrClientBound) {
  const int cpu = allowed_cpus().back();
  if (!NoiseWatch({::gettid()}, {cpu}).until_now().waited_seconds)
    GTEST_SKIP() << "no schedstat here";
  const WrongServer server(Misdeed::none, 64, 1);
  const Hogs hogs(cpu, 8);
  EXPECT_TRUE(eventually([&] {
    const Verdict verdict = judged_on(cpu, server.endpoint()).verdict;
    return verdict == Verdict::noisy || verdict == Verdict::client_bound;
  }));
}

}  // namespace
}  // namespace echolab::tests
