// Promises about what a server costs: nothing leaks, nothing spins, the label tells the
// truth, and the limits hold.

#include <optional>
#include <thread>

#include "tests/promises.hpp"

namespace echolab::tests {
namespace {

using namespace std::chrono_literals;

class ResourcePromise : public Promise {};
class RestPromise : public Promise {};

TEST_P(ResourcePromise, ShortConnectionsLeakNothing) {
  const bool forks = grows_with_clients(model()) && has_worker_processes(model());
  const std::size_t connections =
      forks ? 500 / slowness : 2000;  // each costs a process, or a few µs
  const auto server = start();
  const auto in_turn = [&](std::size_t clients) {
    for (std::size_t i = 0; i < clients; ++i)
      ASSERT_TRUE(serves_a_new_client(server->endpoint()));
  };
  in_turn(20);  // what is made once, for the first clients, is no leak
  const ProcessTree before = settled(*server);
  in_turn(connections);
  EXPECT_TRUE(comes_back_to(before, model(), *server))
      << "before: " << counts(before) << "\nafter: " << counts(server->tree());
  // TSan remembers every thread that ever was; ASan keeps what was freed, and looks for
  // leaks itself at the end.
#if !defined(ECHOLAB_TSAN) && !defined(ECHOLAB_ASAN)
  EXPECT_LT(server->tree().resident_bytes,
            before.resident_bytes + std::size_t{4096} * slowness * connections);
#endif
  expect_clean_stop(*server);
}

TEST_P(ResourcePromise, ClientsThatLeaveAtOnceLeaveNothingBehind) {
  const auto server = start();
  ASSERT_TRUE(serves_a_new_client(server->endpoint()));
  const ProcessTree before = settled(*server);
  for (int round = 0; round < 3; ++round) hold(*server, 50).clear();
  EXPECT_TRUE(comes_back_to(before, model(), *server))
      << "before: " << counts(before) << "\nafter: " << counts(server->tree());
  expect_clean_stop(*server);
}

TEST_P(ResourcePromise, TheCensusIsWhatTheLabelSays) {
  const auto server = start();
  for (const std::size_t wanted :
       {std::size_t{0}, std::size_t{1}, std::size_t{3}, workers + 3, std::size_t{0}}) {
    const auto held = hold(*server, wanted);
    EXPECT_TRUE(census_comes_true(model(), held.size(), *server))
        << "with " << held.size() << " clients: " << counts(server->tree())
        << ", but the label says " << model().processes << " and " << model().threads;
  }
  expect_clean_stop(*server);
}

TEST_P(RestPromise, ASilentClientCostsNoTime) {
  if (waits_busily(model())) GTEST_SKIP() << model().name << " spins by design";
  const auto server = start();
  auto held = hold(*server, 3);
  EXPECT_TRUE(comes_to_rest(*server));
  held.clear();
  expect_clean_stop(*server);
}

// The loop that keeps asking whether it may write, or whether there is news of a client
// that it does not read from, spins here; also when that client has half-closed, which
// the server learns at once over unix, but over tcp only behind all that it left unread.
TEST_P(RestPromise, AClientThatDoesNotReadCostsNoTime) {
  if (waits_busily(model())) GTEST_SKIP() << model().name << " spins by design";
  const auto server = start();
  PlainClient client(server->endpoint());
  const std::string& bytes = more_than_buffers_hold();
  ASSERT_LT(client.send(bytes, 50ms * slowness), bytes.size());
  EXPECT_TRUE(comes_to_rest(*server));
  client.half_close();
  EXPECT_TRUE(comes_to_rest(*server)) << "half-closed";
  client.reset();
  expect_clean_stop(*server);
}

TEST_P(ResourcePromise, MaxClientsAreNeverExceeded) {
  constexpr std::size_t limit = 3;
  const auto server = start({"--max-clients", std::to_string(limit)});
  auto held = hold(*server, limit);
  {
    auto more = connect_clients(*server, 6);
    EXPECT_EQ(count_served(more), 0U);
    EXPECT_TRUE(all_served(held));
  }
  held.pop_back();
  EXPECT_TRUE(eventually([&] { return serves_a_new_client(server->endpoint(), 1s); }));
  EXPECT_TRUE(all_served(held));
  held.clear();
  expect_clean_stop(*server);
}

TEST_P(ResourcePromise, ASilentClientIsClosedAfterIdleTimeout) {
  const auto server = start({"--idle-timeout", "150ms"});
  const auto began = std::chrono::steady_clock::now();
  PlainClient silent(server->endpoint());
  ASSERT_EQ(silent.ask("and that is all"), Answer::echoed);
  EXPECT_TRUE(serves_a_new_client(server->endpoint()));  // if need be, when it is gone
  EXPECT_TRUE(silent.sees_end());
  constexpr auto tick = 10ms;  // CLOCK_MONOTONIC_COARSE, which libraries go by
  EXPECT_GE(std::chrono::steady_clock::now() - began, 150ms - tick);
  expect_clean_stop(*server);
}

TEST_P(ResourcePromise, AClientThatIsSilentFromTheStartIsClosedToo) {
  const auto server = start({"--idle-timeout", "100ms"});
  PlainClient silent(server->endpoint());
  EXPECT_TRUE(silent.sees_end());
  EXPECT_TRUE(serves_a_new_client(server->endpoint()));
  expect_clean_stop(*server);
}

/// Talks for `span`; empty when this test itself was held up for longer than `pause`, so
/// that a server might rightly take it for silent.
std::optional<bool> keeps_its_place(const Endpoint& server,
                                    std::chrono::milliseconds span,
                                    std::chrono::milliseconds pause) {
  using Clock = std::chrono::steady_clock;
  PlainClient client(server);
  const auto end = Clock::now() + span;
  bool served = true;
  for (auto last = Clock::now(); last < end;) {
    served = served && client.ask("busy") == Answer::echoed;
    const auto now = Clock::now();
    if (now - last > pause) return std::nullopt;
    last = now;
    std::this_thread::sleep_for(10ms);
  }
  return served;
}

TEST_P(ResourcePromise, AClientThatTalksIsNotTakenForIdle) {
  const auto server = start({"--idle-timeout", "200ms"});
  std::optional<bool> kept;
  for (int i = 0; i < 10 && !kept; ++i)
    kept = keeps_its_place(server->endpoint(), 450ms, 140ms);
  if (!kept) GTEST_SKIP() << "this machine is too busy to talk every 140 ms";
  EXPECT_TRUE(*kept);
  expect_clean_stop(*server);
}

INSTANTIATE_TEST_SUITE_P(Models, ResourcePromise,
                         ::testing::ValuesIn(stream_models({"tcp4"})), name_of);
INSTANTIATE_TEST_SUITE_P(Models, RestPromise,
                         ::testing::ValuesIn(stream_models({"tcp4", "unix"})), name_of);

}  // namespace
}  // namespace echolab::tests
