// Promises about the work protocol: every model does the work that a frame asks for, in
// order, and turns away who breaks the rules, nobody else.

#include <chrono>
#include <cstring>
#include <thread>

#include "common/work.hpp"
#include "tests/promises.hpp"

namespace echolab::tests {
namespace {

using namespace std::chrono_literals;

std::string frame(const std::string& payload, std::uint32_t compute_us = 0,
                  std::uint32_t block_us = 0) {
  const auto header =
      WorkHeader{static_cast<std::uint32_t>(payload.size()), compute_us, block_us};
  const auto bytes = header.bytes();
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()) + payload;
}

class WorkPromise : public Promise {
 protected:
  [[nodiscard]] std::unique_ptr<ServerProcess> start_for_work() const {
    return start({"--protocol", "work", "--max-frame", "8KiB", "--max-work", "50ms"});
  }
};

TEST_P(WorkPromise, AFrameComesBackUnchangedOnceTheWorkIsDone) {
  const auto server = start_for_work();
  PlainClient client(server->endpoint());
  for (const std::size_t size : {0U, 1U, 64U, 8U * 1024 - 16})
    EXPECT_EQ(client.ask(frame(random_bytes(size), 100, 100)), Answer::echoed)
        << size << " bytes";
  const Nanoseconds cpu = server->tree().cpu;
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(client.ask(frame("hard", 20'000, 30'000)), Answer::echoed);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 50ms);
  EXPECT_GE(server->tree().cpu - cpu, 10ms) << "it did not compute";
  client.half_close();
  EXPECT_TRUE(client.sees_end());
  expect_clean_stop(*server);
}

TEST_P(WorkPromise, AFrameInPiecesIsAFrame) {
  const auto server = start_for_work();
  PlainClient client(server->endpoint());
  const std::string words = frame(random_bytes(3'000), 10);
  for (const std::size_t cut : {1U, 15U, 16U, 17U, 2'000U}) {
    client.send(words.substr(0, cut));
    std::this_thread::sleep_for(5ms);
    EXPECT_EQ(client.receive(1, 0ms), "") << "after " << cut << " bytes";
    client.send(words.substr(cut));
    EXPECT_EQ(client.await(words), Answer::echoed) << "cut at " << cut;
  }
  client.close();
  expect_clean_stop(*server);
}

TEST_P(WorkPromise, FramesInOneBreathAreAnsweredInOrder) {
  const auto server = start_for_work();
  PlainClient client(server->endpoint());
  std::string all;
  for (std::uint32_t i = 0; i < 400; ++i)
    all += frame(random_bytes(i * 37 % 600, i), i % 40, i % 100 == 0 ? 1'000 : 0);
  std::thread writer([&] { client.send(all); });
  const std::string back = client.receive(all.size());
  writer.join();
  EXPECT_TRUE(back == all);
  client.close();
  expect_clean_stop(*server);
}

TEST_P(WorkPromise, AFrameThatBreaksTheRulesEndsItsClientAlone) {
  const auto server = start_for_work();
  const std::string good = frame("good", 10) + frame("", 0, 10);
  for (const std::string& bad :
       {frame("", 51'000), frame(std::string(9'000, 'x')), std::string("GET / HTTP/1.1"),
        std::string("ELW1\xff\xff\xff\xff", 8)}) {
    PlainClient culprit(server->endpoint());
    EXPECT_EQ(culprit.ask(good), Answer::echoed);
    PlainClient bystander(server->endpoint());
    if (served_at_once(model()) > 1) {
      EXPECT_EQ(bystander.ask(good), Answer::echoed);
    }
    culprit.send(good + bad);
    EXPECT_EQ(culprit.await(good), Answer::echoed) << "it broke no rule with these";
    EXPECT_TRUE(culprit.sees_end());
    EXPECT_EQ(bystander.ask(good), Answer::echoed);
  }
  EXPECT_TRUE(says(*server,
                   "refused 1 frame so far; the last one: 51.0 ms of work, "
                   "--max-work is 50.0 ms"));
  expect_clean_stop(*server);
}

INSTANTIATE_TEST_SUITE_P(Models, WorkPromise,
                         ::testing::ValuesIn(stream_models({"tcp4"})), name_of);

}  // namespace
}  // namespace echolab::tests
