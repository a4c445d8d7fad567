// Promises about killed workers: a server of many processes loses the clients of the one
// that was killed, and nothing else.

#include <charconv>
#include <csignal>
#include <optional>
#include <thread>

#include "tests/promises.hpp"

namespace echolab::tests {
namespace {

using namespace std::chrono_literals;

class KilledWorkerPromise : public Promise {};

/// The process that has the client, once there is just one: who accepts and gives away
/// may have it for a moment, too.
std::optional<pid_t> server_of(const PlainClient& client, const ServerProcess& server) {
  std::uint16_t port = 0;
  const std::string& text = server.endpoint().port;
  std::from_chars(text.data(), text.data() + text.size(), port);
  std::vector<pid_t> holders;
  const bool found = eventually([&] {
    holders = holders_of(server.tree(), port, client.port());
    return holders.size() == 1;
  });
  return found ? std::optional(holders.front()) : std::nullopt;
}

/// All processes but the first.
std::vector<pid_t> workers_of(const ServerProcess& server) {
  std::vector<pid_t> pids = server.tree().pids;
  std::erase(pids, server.model_pid());
  return pids;
}

/// The clients of a server, split by the worker that is to be killed.
struct Split {
  std::optional<pid_t> victim;
  std::vector<PlainClient> its_own;  ///< none where the first process has all clients
  std::vector<PlainClient> others;
};

/// The worker that serves the first of `clients`; any, where none of them does.
Split split(std::vector<PlainClient> clients, const ServerProcess& server) {
  Split result;
  result.victim = server_of(clients.front(), server);
  if (result.victim == server.model_pid()) {
    result.victim = workers_of(server).front();
    result.others = std::move(clients);
    return result;
  }
  for (auto& client : clients)
    (server_of(client, server) == result.victim ? result.its_own : result.others)
        .push_back(std::move(client));
  return result;
}

/// A client that came, had an answer, and stays.
void expect_one_more(std::vector<PlainClient>& clients, const ServerProcess& server) {
  EXPECT_TRUE(eventually([&] {
    PlainClient next(server.endpoint());
    if (next.ask("instead", 1s) != Answer::echoed) return false;
    clients.push_back(std::move(next));
    return true;
  }));
}

TEST_P(KilledWorkerPromise, InMidMessageItHarmsNobodysClientsButItsOwn) {
  const auto server = start();
  ASSERT_TRUE(serves_a_new_client(server->endpoint()));
  const ProcessTree before = settled(*server);
  auto [victim, its_own, others] = split(hold(*server, 3), *server);
  ASSERT_TRUE(victim) << "nobody serves the client, or more than one process";
  const std::string half = random_bytes(100'000);
  for (auto& client : its_own) EXPECT_EQ(client.send(half), half.size());
  for (auto& client : others) EXPECT_EQ(client.send(half), half.size());
  ::kill(*victim, SIGKILL);
  for (auto& client : its_own) {
    EXPECT_NE(client.await(half), Answer::corrupt);
    EXPECT_TRUE(client.sees_end());
  }
  // What a killed process had in hand for a client of the first one may be lost with it.
  const bool may_end = its_own.empty();
  std::erase_if(others, [&](PlainClient& client) {
    const Answer answer = client.await(half);
    EXPECT_TRUE(answer == Answer::echoed || (may_end && answer == Answer::ended));
    return answer != Answer::echoed;
  });
  EXPECT_TRUE(all_served(others));
  EXPECT_TRUE(eventually([&] { return serves_a_new_client(server->endpoint(), 1s); }));
  EXPECT_TRUE(census_comes_true(model(), others.size(), *server))
      << "with " << others.size() << " clients: " << counts(server->tree());
  EXPECT_TRUE(all_served(others));
  others.clear();
  EXPECT_TRUE(comes_back_to(before, model(), *server))
      << "before: " << counts(before) << "\nafter: " << counts(server->tree());
  expect_clean_stop(*server);
}

TEST_P(KilledWorkerPromise, ItsSeatsAreFreeAgain) {
  const auto server = start({"--max-clients", "3"});
  auto [victim, its_own, clients] = split(hold(*server, 3), *server);
  ASSERT_TRUE(victim);
  ::kill(*victim, SIGKILL);
  for (auto& client : its_own) {
    EXPECT_TRUE(client.sees_end());
    expect_one_more(clients, *server);
  }
  PlainClient too_many(server->endpoint());
  const Answer answer = too_many.ask("me too", 50ms);
  EXPECT_TRUE(answer == Answer::ended || answer == Answer::silent);
  EXPECT_TRUE(all_served(clients));
  too_many.close();
  clients.clear();
  expect_clean_stop(*server);
}

TEST_P(KilledWorkerPromise, ItDoesNotKeepADrainingServer) {
  const auto server = start();
  auto [victim, its_own, others] = split(hold(*server, 3), *server);
  ASSERT_TRUE(victim);
  server->signal(SIGTERM);
  EXPECT_TRUE(eventually([&] { return !accepts_connections(server->endpoint()); }));
  ::kill(*victim, SIGKILL);
  for (auto& client : its_own) EXPECT_TRUE(client.sees_end());
  EXPECT_TRUE(all_served(others));
  // Whoever had all three clients leaves nobody to drain for.
  if (!others.empty()) {
    EXPECT_EQ(server->wait_for_exit(0ms), std::nullopt);
  }
  others.clear();
  EXPECT_EQ(server->wait_for_exit(), 0) << server->log();
}

// One of them holds the lock, where there is one.
TEST_P(KilledWorkerPromise, AllOfThemOneAfterTheOtherStopNobody) {
  const auto server = start();
  ASSERT_TRUE(serves_a_new_client(server->endpoint()));
  const ProcessTree before = settled(*server);
  for (int round = 0; round < 2; ++round) {
    for (const pid_t pid : workers_of(*server)) {
      ::kill(pid, SIGKILL);
      ASSERT_TRUE(eventually([&] { return serves_a_new_client(server->endpoint(), 1s); }))
          << "round " << round;
    }
    EXPECT_TRUE(census_comes_true(model(), 0, *server)) << counts(server->tree());
  }
  EXPECT_TRUE(comes_back_to(before, model(), *server))
      << "before: " << counts(before) << "\nafter: " << counts(server->tree());
  expect_clean_stop(*server);
}

TEST_P(KilledWorkerPromise, TwentyInASecondAreSurvived) {
  const auto server = start();
  ASSERT_TRUE(serves_a_new_client(server->endpoint()));
  const ProcessTree before = settled(*server);
  for (std::size_t i = 0; i < 20; ++i) {
    PlainClient client(server->endpoint());
    EXPECT_NE(client.ask("quick", 30ms), Answer::corrupt);
    const auto pids = workers_of(*server);
    if (!pids.empty()) ::kill(pids[i % pids.size()], SIGKILL);
    std::this_thread::sleep_for(20ms);
  }
  EXPECT_TRUE(eventually([&] { return serves_a_new_client(server->endpoint(), 1s); }));
  EXPECT_TRUE(census_comes_true(model(), 0, *server)) << counts(server->tree());
  EXPECT_TRUE(comes_back_to(before, model(), *server))
      << "before: " << counts(before) << "\nafter: " << counts(server->tree());
  expect_clean_stop(*server);
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(KilledWorkerPromise);
INSTANTIATE_TEST_SUITE_P(Models, KilledWorkerPromise,
                         ::testing::ValuesIn(stream_models({"tcp4"},
                                                           has_worker_processes)),
                         name_of);

}  // namespace
}  // namespace echolab::tests
