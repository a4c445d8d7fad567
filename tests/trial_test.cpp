// A trial that contradicts itself is none.

#include "bench/trial.hpp"

#include <gtest/gtest.h>

#include "common/units.hpp"

namespace echolab {
namespace {

using namespace std::chrono_literals;

LoadPlan brief_load(std::size_t connections) {
  LoadPlan load;
  load.connections = connections;
  load.warm_up = 20ms;
  load.duration = 100ms;
  return load;
}

Trial trial_of(const Contestant& contestant, const Start& start, const LoadPlan& load) {
  return run_trial(contestant, start, load, [](const LoadProgress&) {}, {});
}

TEST(Trial, IsVoidWhereTheServerIsNotAsItsRowSays) {
  Start start;
  start.arguments = {"--workers", "3"};
  Contestant contestant = model_contestant("thread_pool");
  const Trial right = trial_of(contestant, start, brief_load(2));
  EXPECT_NE(right.judgement.verdict, Verdict::failed) << right.judgement.reason;
  Model other = *contestant.model;  // it has 1 + workers
  other.census = [](std::size_t, std::size_t workers) { return Census{1, 2 + workers}; };
  contestant.model = &other;
  const Trial wrong = trial_of(contestant, start, brief_load(2));
  EXPECT_EQ(wrong.judgement.verdict, Verdict::failed);
  EXPECT_EQ(wrong.judgement.reason, "serves with 4 threads where models.def declares 5");
}

TEST(Trial, IsVoidWhereAProcessForEachClientIsMissing) {
  Contestant contestant = model_contestant("fork_per_client");
  const Trial right = trial_of(contestant, {}, brief_load(3));
  EXPECT_NE(right.judgement.verdict, Verdict::failed) << right.judgement.reason;
  Model other = *contestant.model;
  other.census = [](std::size_t clients, std::size_t) {
    return Census{2 + clients, 2 + clients};
  };
  contestant.model = &other;
  EXPECT_EQ(trial_of(contestant, {}, brief_load(3)).judgement.reason,
            "serves with 4 processes where models.def declares 5");
}

/// Beside one that asks, three that are silent for longer than the server puts up with.
Trial deserted() {
  Start start;
  start.arguments = {"--idle-timeout", "400ms"};
  LoadPlan load = brief_load(1);
  load.warm_up = 1s;
  load.name = "active";
  LoadPlan silent = load;
  silent.connections = 3;
  silent.manners.kind = Manners::Kind::idle;
  silent.name = "silent";
  silent.seed = 2;
  load.company.push_back(silent);
  return trial_of(model_contestant("epoll_level"), start, load);
}

TEST(Trial, IsVoidWhereSilentConnectionsWereNotHeld) {
  Trial trial = deserted();
  for (int again = 0; again < 3 && trial.judgement.reason.starts_with("1 of 1 "); ++again)
    trial = deserted();  // a machine too busy to ask every 400 ms
  EXPECT_EQ(trial.judgement.verdict, Verdict::failed);
  EXPECT_TRUE(trial.judgement.reason.starts_with(
      "3 of 3 silent connections were not held: the server closed the connection"))
      << trial.judgement.reason;
  EXPECT_EQ(trial.company_failed, 3U);
}

TEST(Trial, SeesWhatTheWholeMachineDid) {
  const Trial trial = trial_of(model_contestant("epoll_level"), {}, brief_load(4));
  ASSERT_TRUE(trial.machine);
  EXPECT_GT(trial.machine->client_cores, 0);
  EXPECT_GE(trial.machine->busy_cores, 0);
}

}  // namespace
}  // namespace echolab
