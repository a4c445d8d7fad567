// Promises about beginnings and ends: drained in order, ended at once, paused,
// interrupted, killed; and nothing is left behind.

#include <atomic>
#include <csignal>
#include <thread>

#include "tests/promises.hpp"

namespace echolab::tests {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

class LifecyclePromise : public Promise {};

void send_signal(const ProcessTree& tree, int number) {
  for (const pid_t pid : tree.pids) ::kill(pid, number);
}

bool stops_accepting(const ServerProcess& server) {
  return eventually([&] { return !accepts_connections(server.endpoint()); });
}

TEST_P(LifecyclePromise, SigtermWithoutClientsEndsWithinASecond) {
  const auto server = start();
  const auto processes = watch(server->tree());
  EXPECT_EQ(server->stop(1s * slowness), 0) << server->log();
  EXPECT_TRUE(all_ended(processes));
}

TEST_P(LifecyclePromise, SigtermAfterClientsEndsWithinASecond) {
  const auto server = start();
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(serves_a_new_client(server->endpoint()));
  EXPECT_EQ(server->stop(1s * slowness), 0) << server->log();
}

TEST_P(LifecyclePromise, SigtermServesThoseWhoAreThereToTheirEnd) {
  const auto server = start();
  auto clients = hold(*server, 3);
  server->signal(SIGTERM);
  EXPECT_TRUE(stops_accepting(*server));
  for (std::uint64_t i = 0; i < 20; ++i)
    for (auto& client : clients)
      ASSERT_EQ(client.ask(random_bytes(20'000, i)), Answer::echoed) << "message " << i;
  EXPECT_TRUE(waits_busily(model()) || comes_to_rest(*server));
  EXPECT_EQ(server->wait_for_exit(0ms), std::nullopt);
  for (auto& client : clients) {
    client.send("my last words");
    client.half_close();
    EXPECT_EQ(client.await("my last words"), Answer::echoed);
    EXPECT_TRUE(client.sees_end());
  }
  EXPECT_EQ(server->wait_for_exit(), 0) << server->log();
}

TEST_P(LifecyclePromise, DrainTimeoutEndsAClientThatStays) {
  const auto server = start({"--drain-timeout", "150ms"});
  auto clients = hold(*server, 2);
  const auto processes = watch(server->tree());
  const auto began = Clock::now();
  EXPECT_EQ(server->stop(), 0) << server->log();
  EXPECT_GE(Clock::now() - began, 149ms);
  EXPECT_TRUE(all_ended(processes)) << "a process outlives its supervisor";
  for (auto& client : clients) EXPECT_TRUE(client.sees_end());
}

TEST_P(LifecyclePromise, DrainTimeoutEndsAClientThatDoesNotRead) {
  const auto server = start({"--drain-timeout", "100ms"});
  PlainClient client(server->endpoint());
  client.send(more_than_buffers_hold(), 50ms);
  const auto processes = watch(server->tree());
  EXPECT_EQ(server->stop(), 0) << server->log();
  EXPECT_TRUE(all_ended(processes)) << "a process outlives its supervisor";
}

TEST_P(LifecyclePromise, ASecondSigtermEndsAtOnce) {
  const auto server = start();
  auto clients = hold(*server, 2);
  const auto processes = watch(server->tree());
  server->signal(SIGTERM);
  ASSERT_TRUE(stops_accepting(*server));
  EXPECT_EQ(server->stop(1s * slowness), 128 + SIGTERM) << server->log();
  EXPECT_TRUE(all_ended(processes)) << "a process outlives its supervisor";
  for (auto& client : clients) EXPECT_TRUE(client.sees_end());
}

TEST_P(LifecyclePromise, AKilledSupervisorLeavesNoProcess) {
  const auto server = start();
  const auto clients = hold(*server, 2);
  const auto processes = watch(server->tree());
  ASSERT_FALSE(all_ended(processes));
  server->signal(SIGKILL);
  EXPECT_EQ(server->wait_for_exit(), 128 + SIGKILL);
  EXPECT_TRUE(eventually([&] { return all_ended(processes); }));
}

TEST_P(LifecyclePromise, AKilledModelIsSaidAndLeavesNoProcess) {
  const auto server = start();
  const auto clients = hold(*server, 2);
  const auto processes = watch(server->tree());
  ::kill(server->model_pid(), SIGKILL);
  EXPECT_EQ(server->wait_for_exit(), 1);
  EXPECT_TRUE(says(*server, "killed by signal 9")) << server->log();
  EXPECT_TRUE(all_ended(processes)) << "a process outlives its supervisor";
}

TEST_P(LifecyclePromise, APauseLosesNothing) {
  const auto server = start();
  auto held = hold(*server, 1);
  const ProcessTree tree = server->tree();
  send_signal(tree, SIGSTOP);
  ASSERT_TRUE(eventually([&] { return server->tree().stopped == tree.pids.size(); }));
  const std::string bytes = random_bytes(40'000);
  ASSERT_EQ(held.front().send(bytes), bytes.size());
  PlainClient next(server->endpoint());
  ASSERT_EQ(next.send("meanwhile"), 9);
  EXPECT_EQ(held.front().receive(1, 100ms), "") << "it was not paused";
  send_signal(tree, SIGCONT);
  EXPECT_EQ(held.front().await(bytes), Answer::echoed);
  held.clear();
  EXPECT_EQ(next.await("meanwhile"), Answer::echoed);
}

/// Interrupts whatever system call the server is in, again and again, until destroyed:
/// by signals that have a handler (SIGCHLD) and by pauses, after which some calls fail
/// with EINTR even without one (signal(7)).
class Storm {
 public:
  explicit Storm(const ServerProcess& server)
      : thread_([this, &server] {
          while (!over_) {
            const ProcessTree tree = server.tree();
            for (int i = 0; i < 10; ++i)
              for (const int number : {SIGSTOP, SIGCONT, SIGCHLD, SIGWINCH})
                send_signal(tree, number);
            server.signal(SIGCHLD);
            ++gusts_;
          }
        }) {}
  Storm(const Storm&) = delete;
  Storm& operator=(const Storm&) = delete;
  ~Storm() {
    over_ = true;
    thread_.join();
  }
  [[nodiscard]] int gusts() const { return gusts_; }

 private:
  std::atomic<bool> over_ = false;
  std::atomic<int> gusts_ = 0;
  std::thread thread_;
};

TEST_P(LifecyclePromise, AStormOfSignalsHarmsNobody) {
  const auto server = start({"--idle-timeout", "10m"});  // its clocks survive it, too
  {
    const Storm storm(*server);
    PlainClient client(server->endpoint());
    for (std::uint64_t i = 0; i < 50 || storm.gusts() < 20; ++i)
      ASSERT_EQ(client.ask(random_bytes(1 + i * 97 % 30'000, i)), Answer::echoed) << i;
    client.half_close();
    ASSERT_TRUE(client.sees_end());
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(serves_a_new_client(server->endpoint()));
  }
  expect_clean_stop(*server);
}

INSTANTIATE_TEST_SUITE_P(Models, LifecyclePromise,
                         ::testing::ValuesIn(stream_models({"tcp4", "unix"})), name_of);

}  // namespace
}  // namespace echolab::tests
