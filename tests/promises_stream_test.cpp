// Promises about one conversation: the bytes come back, and nobody else notices.

#include <future>
#include <thread>

#include "tests/promises.hpp"

namespace echolab::tests {
namespace {

using namespace std::chrono_literals;

class StreamPromise : public Promise {};

/// Runs `write` beside `client`, which waits for `text` to come back meanwhile.
template <class Write>
Answer await_while(Write&& write, PlainClient& client, std::string_view text) {
  std::thread writer(write);
  const Answer answer = client.await(text);
  writer.join();
  return answer;
}

TEST_P(StreamPromise, OneClientGetsItsBytesBack) {
  const auto server = start();
  PlainClient client(server->endpoint());
  for (const std::size_t size : {1U, 2U, 64U, 16U * 1024, 16U * 1024 + 1})
    EXPECT_EQ(client.ask(random_bytes(size, size)), Answer::echoed) << size << " bytes";
  client.half_close();
  EXPECT_TRUE(client.sees_end());
  expect_clean_stop(*server);
}

TEST_P(StreamPromise, ManyClientsAreServedInTurn) {
  const auto server = start();
  for (std::uint64_t i = 0; i < 64; ++i)
    ASSERT_EQ(PlainClient(server->endpoint()).ask(random_bytes(100 + i, i)),
              Answer::echoed)
        << "client " << i;
  expect_clean_stop(*server);
}

// Each gets its own bytes, and nobody else's. Also from a model that serves few at once:
// the others wait, and those leave.
TEST_P(StreamPromise, ManyClientsAtOnceAreAllServed) {
  const auto server = start();
  std::vector<PlainClient> connected;
  for (int i = 0; i < 32; ++i) connected.emplace_back(server->endpoint());
  const auto converse = [](PlainClient client, std::uint64_t seed) {
    Answer answer = Answer::echoed;
    for (int i = 0; i < 10 && answer == Answer::echoed; ++i)
      answer = client.ask(random_bytes(60'000, ++seed));
    return answer;
  };
  std::vector<std::future<Answer>> answers;
  for (std::uint64_t i = 0; i < connected.size(); ++i)
    answers.push_back(
        std::async(std::launch::async, converse, std::move(connected[i]), 100 * i));
  for (auto& answer : answers) EXPECT_EQ(answer.get(), Answer::echoed);
  expect_clean_stop(*server);
}

TEST_P(StreamPromise, EightMebibytesComeBackThroughFullBuffers) {
  const auto server = start();
  PlainClient client(server->endpoint());
  const std::string bytes = random_bytes(8 << 20);
  const std::size_t stuck_at = client.send(bytes, 50ms);
  const auto write_rest = [&] { client.send(std::string_view(bytes).substr(stuck_at)); };
  EXPECT_EQ(await_while(write_rest, client, bytes), Answer::echoed);
  client.close();
  expect_clean_stop(*server);
}

TEST_P(StreamPromise, ThePeerThatDoesNotReadIsNotReadFrom) {
  const auto server = start();
  PlainClient greedy(server->endpoint());
  ASSERT_EQ(greedy.ask("before"), Answer::echoed);
  const ProcessTree before = settled(*server);
  const std::string& bytes = more_than_buffers_hold();
  const std::size_t stuck_at = greedy.send(bytes, 50ms);
  EXPECT_LT(stuck_at, bytes.size()) << "the server took it all";
  EXPECT_LT(server->tree().resident_bytes,
            before.resident_bytes + (4 << 20) * slowness + (before.pids.size() << 20))
      << "the server keeps what the kernel's buffers cannot hold";
  if (served_at_once(model()) > 1) {
    EXPECT_TRUE(serves_a_new_client(server->endpoint()));
  }
  EXPECT_EQ(greedy.await(std::string_view(bytes).substr(0, stuck_at)), Answer::echoed);
  greedy.close();
  expect_clean_stop(*server);
}

TEST_P(StreamPromise, SmallMessagesInOneBreathComeBackInOrder) {
  const auto server = start();
  PlainClient client(server->endpoint());
  std::vector<std::string> messages;
  std::string all;
  for (std::uint64_t i = 0; i < 1000; ++i)
    all += messages.emplace_back(random_bytes(1 + i % 64, i));
  const auto write_each = [&] {
    for (const auto& message : messages) client.send(message);
  };
  EXPECT_EQ(await_while(write_each, client, all), Answer::echoed);
  client.close();
  expect_clean_stop(*server);
}

TEST_P(StreamPromise, HalfCloseGetsEverythingBack) {
  const auto server = start();
  PlainClient client(server->endpoint());
  const std::string bytes = random_bytes(2 << 20);
  const auto write_and_end = [&] {
    client.send(bytes);
    client.half_close();
  };
  EXPECT_EQ(await_while(write_and_end, client, bytes), Answer::echoed);
  EXPECT_TRUE(client.sees_end());
  expect_clean_stop(*server);
}

TEST_P(StreamPromise, AResetInMidMessageHarmsNobodyElse) {
  const auto server = start();
  const std::string bytes = random_bytes(1 << 20);
  for (int i = 0; i < 10; ++i) {
    PlainClient victim(server->endpoint());
    ASSERT_EQ(victim.ask("I am here"), Answer::echoed);
    PlainClient bystander(server->endpoint());
    if (served_at_once(model()) > 1) {
      ASSERT_EQ(bystander.ask("before"), Answer::echoed);
    }
    victim.send(bytes, 0ms);
    victim.reset();
    ASSERT_EQ(bystander.ask(random_bytes(5000)), Answer::echoed) << "after reset " << i;
  }
  expect_clean_stop(*server);
}

INSTANTIATE_TEST_SUITE_P(Models, StreamPromise,
                         ::testing::ValuesIn(stream_models({"tcp4", "tcp6", "unix"})),
                         name_of);

}  // namespace
}  // namespace echolab::tests
