// Promises about company: what some clients do, the others do not notice.

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>

#include "tests/promises.hpp"

namespace echolab::tests {
namespace {

using namespace std::chrono_literals;

class CompanyPromise : public Promise {};
class SilencePromise : public Promise {};
class TablePromise : public Promise {};

/// Comes, talks, and goes, in every way that there is.
class Churn {
 public:
  explicit Churn(const ServerProcess& server, unsigned seed)
      : thread_([this, endpoint = server.endpoint(), seed] {
          for (std::mt19937 random(seed); !over_; ++visits_) visit(endpoint, random);
        }) {}
  Churn(const Churn&) = delete;
  Churn& operator=(const Churn&) = delete;
  ~Churn() {
    over_ = true;
    thread_.join();
  }
  [[nodiscard]] int visits() const { return visits_; }

 private:
  static void visit(const Endpoint& server, std::mt19937& random) {
    std::vector<PlainClient> clients;
    for (auto i = random() % 8; i <= 8; ++i) clients.emplace_back(server);
    for (PlainClient& client : clients) {
      client.send(random_bytes(1 + random() % 50'000, random()), 0ms);
      if (random() % 4 == 0) client.receive(1 + random() % 10'000, 1ms);
      if (random() % 4 == 0) client.half_close();
      if (random() % 2 == 0) client.reset();
    }
    std::ranges::shuffle(clients, random);
  }

  std::atomic<bool> over_ = false;
  std::atomic<int> visits_ = 0;
  std::thread thread_;
};

// Descriptors, memory and buffers of those who leave are taken by those who come: nothing
// that was on its way to the former may reach the latter.
TEST_P(CompanyPromise, AStormOfComingAndGoingHarmsNobodyElse) {
  const auto server = start();
  auto held = hold(*server, 8);
  {
    const Churn churn(*server, 1);
    const Churn more_churn(*server, 2);
    for (std::uint64_t i = 0; churn.visits() + more_churn.visits() < 200; ++i) {
      for (auto& client : held)
        ASSERT_EQ(client.ask(random_bytes(1 + i * 977 % 20'000, i)), Answer::echoed) << i;
      PlainClient guest(server->endpoint());
      ASSERT_EQ(guest.ask(random_bytes(30'000, i)), Answer::echoed) << i;
    }
  }
  held.clear();
  expect_clean_stop(*server);
}

TEST_P(CompanyPromise, AHundredWhoDoNotReadStarveNobodyAndLoseNothing) {
  constexpr std::size_t most_held_bytes = 256 << 10;  // for each; most hold much less
  const auto server = start();
  ASSERT_TRUE(serves_a_new_client(server->endpoint()));
  const std::size_t resident = server->tree().resident_bytes;
  const std::string bytes = random_bytes(1 << 20);
  std::vector<PlainClient> greedy;
  std::vector<std::size_t> sent(100, 0);
  for (std::size_t& size : sent)
    size = greedy.emplace_back(server->endpoint()).send(bytes, 10ms);
  PlainClient modest(server->endpoint());
  for (std::uint64_t i = 0; i < 50; ++i)
    ASSERT_EQ(modest.ask(random_bytes(1 + i * 977, i)), Answer::echoed) << i;
  if (!asan_keeps_what_was_freed) {
    EXPECT_LT(server->tree().resident_bytes,
              resident + ((4 << 20) + greedy.size() * most_held_bytes) * slowness);
  }
  EXPECT_TRUE(waits_busily(model()) || comes_to_rest(*server));
  for (std::size_t i = 0; i < greedy.size(); ++i)
    ASSERT_EQ(greedy[i].await(std::string_view(bytes).substr(0, sent[i])), Answer::echoed)
        << "client " << i;
  greedy.clear();
  modest.close();
  expect_clean_stop(*server);
}

TEST_P(CompanyPromise, ABufferOfSixteenBytesChangesNoByte) {
  const auto server = start({"--buffer", "16"});
  std::vector<PlainClient> clients;
  for (int i = 0; i < 4; ++i) clients.emplace_back(server->endpoint());
  for (std::uint64_t i = 0; i < 3; ++i)
    for (auto& client : clients)
      ASSERT_EQ(client.ask(random_bytes(20'000, i)), Answer::echoed) << i;
  clients.clear();
  expect_clean_stop(*server);
}

TEST_P(SilencePromise, AClientThatTakesNothingIsClosedAfterIdleTimeout) {
  const auto server = start({"--idle-timeout", "300ms"});
  ASSERT_TRUE(serves_a_new_client(server->endpoint()));
  const ProcessTree before = settled(*server);
  PlainClient client(server->endpoint());
  client.send(more_than_buffers_hold(), 50ms);
  EXPECT_TRUE(comes_back_to(before, model(), *server));
  EXPECT_TRUE(serves_a_new_client(server->endpoint()));
  expect_clean_stop(*server);
}

/// All of its clients' descriptors are in one table, that it fills alone.
bool has_one_table(const Model& model) {
  return waits_for_many(model) && model.axes.unit != "process";
}

// Unlike a limit that is lowered later, this one is known from the start: a multishot
// accept (io_uring) keeps to the limit of the time when it was asked for.
TEST_P(TablePromise, AFullTableTurnsAwayAndRecovers) {
  StartOptions options{.limits = {{RLIMIT_NOFILE, 64}}, .descriptors = 14};
  if (::geteuid() == 0) options.uid = 54321;  // root would raise the limit
  const auto server = start(options);
  auto held = hold(*server, 10);
  {
    std::vector<PlainClient> more;
    for (int i = 0; i < 60; ++i) more.emplace_back(server->endpoint());
    EXPECT_TRUE(says(*server, "Too many open files")) << server->log();
    EXPECT_TRUE(all_served(held));
    EXPECT_TRUE(waits_busily(model()) || comes_to_rest(*server));
  }
  EXPECT_TRUE(eventually([&] { return serves_a_new_client(server->endpoint(), 1s); }));
  EXPECT_EQ(hold(*server, 10).size(), 10);
  EXPECT_TRUE(all_served(held));
  held.clear();
  expect_clean_stop(*server);
}

INSTANTIATE_TEST_SUITE_P(Models, CompanyPromise,
                         ::testing::ValuesIn(stream_models({"tcp4", "unix"},
                                                           waits_for_many)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Models, SilencePromise,
                         ::testing::ValuesIn(stream_models({"tcp4", "unix"})), name_of);
INSTANTIATE_TEST_SUITE_P(Models, TablePromise,
                         ::testing::ValuesIn(stream_models({"tcp4"}, has_one_table)),
                         name_of);

}  // namespace
}  // namespace echolab::tests
