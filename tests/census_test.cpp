// A server is held to its row of models.def, and to no more than that.

#include "bench/census.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

namespace echolab {
namespace {

/// Of a model under a load that holds `clients`, of whom all were served.
std::string contradiction(const char* model, std::size_t workers, std::size_t clients,
                          const Census& seen) {
  return census_contradiction({&find_model(model), workers, clients}, clients, seen);
}

TEST(Census, of_a_pool_is_exact) {
  EXPECT_EQ(contradiction("thread_pool", 64, 16, {1, 65}), "");
  EXPECT_EQ(contradiction("thread_pool", 64, 16, {1, 3}),
            "serves with 3 threads where models.def declares 65");
  EXPECT_EQ(contradiction("thread_pool", 64, 16, {1, 66}),
            "serves with 66 threads where models.def declares 65");
  EXPECT_EQ(contradiction("epoll_level", 1, 1000, {2, 2}),
            "serves with 2 processes where models.def declares 1");
  EXPECT_EQ(contradiction("prefork_threads", 8, 16, {5, 13}), "");
  EXPECT_EQ(contradiction("prefork_threads", 8, 16, {5, 1}),
            "serves with 1 thread where models.def declares 13");
}

TEST(Census, of_one_for_each_client_lies_between_those_served_and_all) {
  const DeclaredCensus declared{&find_model("fork_per_client"), 64, 16};
  EXPECT_EQ(census_contradiction(declared, 16, {17, 17}), "");
  EXPECT_EQ(census_contradiction(declared, 16, {16, 16}),
            "serves with 16 processes where models.def declares 17");
  EXPECT_EQ(census_contradiction(declared, 10, {11, 11}), "") << "six wait in the queue";
  EXPECT_EQ(census_contradiction(declared, 10, {10, 10}),
            "serves with 10 processes where models.def declares 11 to 17");
  EXPECT_NE(census_contradiction(declared, 10, {18, 18}), "");
}

TEST(Census, of_a_pool_that_adapts_has_bounds) {
  // 1 + min(clients + 2, workers): 7 with 4 clients; spares are lent, or not yet let go.
  for (const std::size_t processes : {5U, 7U, 65U})
    EXPECT_EQ(contradiction("prefork_adaptive", 64, 4, {processes, processes}), "");
  EXPECT_EQ(contradiction("prefork_adaptive", 64, 4, {4, 4}),
            "serves with 4 processes where models.def declares 5 to 65");
  EXPECT_NE(contradiction("prefork_adaptive", 64, 4, {66, 66}), "");
  EXPECT_EQ(contradiction("prefork_adaptive", 1, 4, {2, 2}), "");
}

TEST(Census, of_a_process_for_each_datagram_has_a_least_alone) {
  EXPECT_EQ(contradiction("udp_per_request", 1, 16, {1, 1}), "");
  EXPECT_EQ(contradiction("udp_per_request", 1, 16, {40, 40}), "");
  EXPECT_NE(contradiction("udp_per_request", 1, 16, {0, 0}), "");
  EXPECT_NE(contradiction("udp_sharded", 2, 16, {1, 40}), "");
}

LoadPlan load_of(std::size_t connections, Manners::Kind kind) {
  LoadPlan load;
  load.connections = connections;
  load.manners.kind = kind;
  load.manners.requests = kind == Manners::Kind::churn ? 1 : 0;
  return load;
}

TEST(Census, is_declared_for_clients_that_stay) {
  Start start;
  start.arguments = {"--max-clients", "99", "--workers", "8"};
  LoadPlan load = load_of(4, Manners::Kind::active);
  load.company.push_back(load_of(10, Manners::Kind::idle));
  const Contestant threads = model_contestant("thread_per_client");
  const auto staying = declared_census(threads, start, load);
  ASSERT_TRUE(staying);
  EXPECT_EQ(staying->clients, 14U);
  load.company.push_back(load_of(1, Manners::Kind::churn));
  EXPECT_FALSE(declared_census(threads, start, load));
  const auto pool = declared_census(model_contestant("thread_pool"), start, load);
  ASSERT_TRUE(pool) << "a pool is as large whoever comes and goes";
  EXPECT_EQ(pool->workers, 8U);
  EXPECT_FALSE(declared_census(external_contestant("mine=x {port}"), start, load));
  EXPECT_FALSE(declared_census(ceiling_contestant(), start, load));
}

TEST(Census, goes_by_the_workers_of_the_contestant_before_the_campaigns) {
  Start start;
  start.arguments = {"--workers", "8"};
  Contestant tuned = model_contestant("thread_pool");
  tuned.arguments = {"--workers", "3"};
  const LoadPlan load = load_of(4, Manners::Kind::active);
  EXPECT_EQ(declared_census(tuned, start, load)->workers, 3U);
  start.arguments.clear();
  EXPECT_EQ(declared_census(model_contestant("thread_pool"), start, load)->workers, 64U);
}

TEST(Census, counts_who_lives_and_not_who_waits_to_be_reaped) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t ended = ::fork();
  if (ended == 0) ::_exit(0);
  siginfo_t how{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(ended), &how, WEXITED | WNOWAIT), 0);
  const pid_t lives = ::fork();
  if (lives == 0) {
    char byte = 0;
    ::close(ends[1]);
    ::_exit(::read(ends[0], &byte, 1) == 0 ? 0 : 1);
  }
  const Census seen = census_of({ended, lives});
  EXPECT_EQ(seen.processes, 1U);
  EXPECT_EQ(seen.threads, 1U);
  ::close(ends[0]);
  ::close(ends[1]);
  EXPECT_EQ(::waitpid(ended, nullptr, 0), ended);
  EXPECT_EQ(::waitpid(lives, nullptr, 0), lives);
  EXPECT_EQ(census_of({ended, lives}).processes, 0U);
}

TEST(Census, counts_threads) {
  const std::size_t before = census_of({::getpid()}).threads;
  std::stop_source stop;
  {
    const std::jthread more([&stop] {
      while (!stop.stop_requested()) std::this_thread::yield();
    });
    EXPECT_EQ(census_of({::getpid()}).threads, before + 1);
    stop.request_stop();
  }
}

}  // namespace
}  // namespace echolab
