// Promises of the models that serve datagrams: each one is answered on its own, what
// must not be answered is not, nobody holds the others up, and nothing is left behind.

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <set>
#include <thread>

#include "tests/datagram_client.hpp"
#include "tests/promises.hpp"

namespace echolab::tests {
namespace {

using namespace std::chrono_literals;

class DatagramPromise : public Promise {};
class UdpPromise : public Promise {};
class UnixgramPromise : public Promise {};
class ChildPromise : public Promise {};

bool has_a_child_per_request(const Model& model) {
  return model.axes.unit == "process" && model.axes.growth == "per_client";
}

constexpr auto silence = 200ms;  ///< what is not answered by then will not be

bool is_served(const ServerProcess& server, std::chrono::milliseconds bound = patience) {
  return DatagramClient(server.endpoint()).ask("new here", bound) == Answer::echoed;
}

/// A busy server loses datagrams: who has no answer asks again.
bool comes_to_serve(const ServerProcess& server) {
  return eventually([&] { return is_served(server, silence); });
}

/// Every datagram that `client` hears within `bound`.
std::size_t count_replies(const DatagramClient& client, std::chrono::milliseconds bound) {
  std::size_t count = 0;
  while (client.receive(bound)) ++count;
  return count;
}

TEST_P(DatagramPromise, ADatagramOfAnySizeComesBackAsItWas) {
  const auto server = start();
  const DatagramClient client(server->endpoint());
  for (const std::size_t size : {0U, 1U, 64U, 1472U, 1473U, 9000U, 65'507U, 0U, 5U})
    EXPECT_EQ(client.ask(random_bytes(size, size)), Answer::echoed) << size << " B";
  expect_clean_stop(*server);
}

TEST_P(DatagramPromise, ManyClientsAtOnceHearTheirOwn) {
  const auto server = start();
  std::vector<DatagramClient> clients;
  for (int i = 0; i < 60; ++i) clients.emplace_back(server->endpoint());
  const auto text = [](std::size_t client, int n) {
    return random_bytes(100 + client, client * 10 + static_cast<std::size_t>(n));
  };
  for (int n = 0; n < 3; ++n)
    for (std::size_t i = 0; i < clients.size(); ++i)
      ASSERT_TRUE(clients[i].send(text(i, n)));
  for (std::size_t i = 0; i < clients.size(); ++i) {
    std::multiset<std::string> wanted;
    std::multiset<std::string> heard;
    for (int n = 0; n < 3; ++n) {
      wanted.insert(text(i, n));
      heard.insert(clients[i].receive().value_or("nothing"));
    }
    EXPECT_EQ(heard, wanted) << "client " << i;
    EXPECT_FALSE(clients[i].receive(0ms)) << "client " << i;
  }
  expect_clean_stop(*server);
}

TEST_P(DatagramPromise, ADatagramThatDoesNotFitIsNotAnswered) {
  const auto server = start({"--buffer", "64"});
  const DatagramClient client(server->endpoint());
  EXPECT_EQ(client.ask(random_bytes(65), silence), Answer::silent);
  EXPECT_EQ(client.ask(random_bytes(65'507), silence), Answer::silent);
  EXPECT_EQ(client.ask(random_bytes(64)), Answer::echoed);
  EXPECT_TRUE(says(*server, "longer than --buffer")) << server->log();
  expect_clean_stop(*server);
}

/// A client at a port below 1024; no descriptor when none is free.
Fd client_at_a_low_port(const Endpoint& server) {
  const Address to = resolve(server).front();
  Fd fd(::socket(to.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  for (std::uint16_t port = IPPORT_RESERVED - 1; port > 512; --port) {
    Endpoint own = server;
    own.port = std::to_string(port);
    const Address from = resolve(own).front();
    if (::bind(fd.get(), from.get(), from.size) != 0) continue;
    checked(::connect(fd.get(), to.get(), to.size), "connect");
    return fd;
  }
  return Fd();
}

// Two servers that answer each other never end: CVE-2024-2169.
TEST_P(UdpPromise, ASystemPortIsNotAnswered) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may take a port below 1024";
  const auto server = start();
  Fd low = client_at_a_low_port(server->endpoint());
  ASSERT_TRUE(low) << "no port below 1024 is free";
  EXPECT_EQ(DatagramClient(std::move(low)).ask("loop!", silence), Answer::silent);
  EXPECT_TRUE(says(*server, "below 1024")) << server->log();
  EXPECT_TRUE(is_served(*server));
  expect_clean_stop(*server);
}

// Its empty datagram looks as the end of a stopped socket does: no bytes, of no sender.
TEST_P(UnixgramPromise, AClientWithoutAnAddressIsNotAnsweredAndEndsNothing) {
  const auto server = start();
  const Address to = resolve(server->endpoint()).front();
  Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(fd.get(), to.get(), to.size), 0);
  const DatagramClient nobody(std::move(fd));
  for (const char* text : {"", "who am I?", "", ""}) EXPECT_TRUE(nobody.send(text));
  EXPECT_TRUE(says(*server, "no address")) << server->log();
  EXPECT_TRUE(is_served(*server));
  EXPECT_TRUE(comes_to_rest(*server));
  expect_clean_stop(*server);
}

TEST_P(DatagramPromise, TwoThousandDatagramsLeakNothing) {
  const auto server = start();
  const auto in_turn = [&](int clients) {
    for (int i = 0; i < clients; ++i) ASSERT_TRUE(is_served(*server)) << i;
  };
  in_turn(20);  // what is made once, for the first ones, is no leak
  const ProcessTree before = settled(*server);
  in_turn(2000);
  EXPECT_TRUE(comes_back_to(before, model(), *server))
      << "before: " << counts(before) << "\nafter: " << counts(server->tree());
#ifndef ECHOLAB_TSAN
  EXPECT_LT(server->tree().resident_bytes, before.resident_bytes + (8 << 20) * slowness);
#endif
  expect_clean_stop(*server);
}

TEST_P(DatagramPromise, AFloodWithoutAReaderHarmsNobody) {
  const auto server = start({"--max-clients", "64"});
  ASSERT_TRUE(is_served(*server));
  const ProcessTree before = settled(*server);
  const auto lines_before = std::ranges::count(server->log(), '\n');
  const auto began = std::chrono::steady_clock::now();
  {
    const DatagramClient flood(server->endpoint());
    const std::string bytes = random_bytes(500);
    for (int i = 0; i < 20'000; ++i) ASSERT_TRUE(flood.send(bytes)) << i;
    // A Unix client's unread replies may fill the server's own room to send:
    // datagrams.hpp.
    if (GetParam().transport != "unixgram") {
      EXPECT_TRUE(comes_to_serve(*server));
    }
  }
  EXPECT_TRUE(comes_to_serve(*server));
  EXPECT_TRUE(comes_back_to(before, model(), *server))
      << "before: " << counts(before) << "\nafter: " << counts(server->tree());
  EXPECT_TRUE(comes_to_rest(*server));
  const auto lasted = std::chrono::steady_clock::now() - began;
  EXPECT_LE(std::ranges::count(server->log(), '\n'), lines_before + 3 + 2 * (lasted / 1s))
      << server->log();
  expect_clean_stop(*server);
}

TEST_P(DatagramPromise, AClientThatDoesNotReadHoldsNobodyUp) {
  const auto server = start();
  const DatagramClient deaf(server->endpoint());
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(deaf.send(random_bytes(1000)));
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(is_served(*server));
  expect_clean_stop(*server);
}

TEST_P(DatagramPromise, TheCensusIsWhatTheLabelSays) {
  const auto server = start();
  const std::vector<DatagramClient> clients = [&] {
    std::vector<DatagramClient> made;
    for (int i = 0; i < 3; ++i) made.emplace_back(server->endpoint());
    return made;
  }();
  for (const DatagramClient& client : clients)
    EXPECT_EQ(client.ask("count me"), Answer::echoed);
  EXPECT_TRUE(census_comes_true(model(), clients.size(), *server))
      << counts(server->tree()) << ", but the label says " << model().processes << " and "
      << model().threads;
  expect_clean_stop(*server);
}

TEST_P(DatagramPromise, ASilentServerCostsNoTime) {
  const auto server = start();
  EXPECT_TRUE(comes_to_rest(*server));
  ASSERT_TRUE(is_served(*server));
  EXPECT_TRUE(comes_to_rest(*server));
  expect_clean_stop(*server);
}

TEST_P(DatagramPromise, SigtermEndsItWithinASecond) {
  const auto server = start();
  ASSERT_TRUE(is_served(*server));
  const auto processes = watch(server->tree());
  EXPECT_EQ(server->stop(1s * slowness), 0) << server->log();
  EXPECT_TRUE(all_ended(processes));
}

TEST_P(DatagramPromise, SigtermAnswersWhatHasCome) {
  const auto server = start();
  const DatagramClient client(server->endpoint());
  ASSERT_EQ(client.ask("hello"), Answer::echoed);
  const ProcessTree tree = settled(*server);
  for (const pid_t pid : tree.pids) ::kill(pid, SIGSTOP);
  ASSERT_TRUE(eventually([&] { return server->tree().stopped == tree.pids.size(); }));
  constexpr std::size_t waiting = 8;  // a Unix socket's queue holds 10
  for (std::size_t i = 0; i < waiting; ++i) ASSERT_TRUE(client.send("still there?"));
  server->signal(SIGTERM);
  std::this_thread::sleep_for(50ms);
  for (const pid_t pid : tree.pids) ::kill(pid, SIGCONT);
  for (std::size_t i = 0; i < waiting; ++i) EXPECT_EQ(client.receive(), "still there?");
  EXPECT_EQ(server->wait_for_exit(), 0) << server->log();
}

TEST_P(DatagramPromise, SigtermEndsItUnderAFlood) {
  const auto server = start({"--max-clients", "64"});
  std::atomic<bool> answered{false};
  std::atomic<bool> over{false};
  std::thread flood([&] {  // leaves next to no room in the queue for anybody else
    const DatagramClient client(server->endpoint());
    while (!over) {
      for (int i = 0; i < 100; ++i) client.send("and another one", 1ms);
      if (!answered && client.receive(1ms)) answered = true;
    }
  });
  EXPECT_TRUE(eventually([&] { return answered.load(); }));
  EXPECT_EQ(server->stop(), 0) << server->log();  // what came before is still answered
  over = true;
  flood.join();
}

TEST_P(DatagramPromise, AKilledModelIsSaidAndLeavesNoProcess) {
  const auto server = start();
  ASSERT_TRUE(is_served(*server));
  const auto processes = watch(server->tree());
  ::kill(server->model_pid(), SIGKILL);
  EXPECT_EQ(server->wait_for_exit(), 1);
  EXPECT_TRUE(says(*server, "killed by signal 9")) << server->log();
  EXPECT_TRUE(all_ended(processes)) << "a process outlives its supervisor";
}

TEST_P(ChildPromise, AKilledChildEndsNobodyElse) {
  const auto server = start({"--max-clients", "64"});
  const DatagramClient client(server->endpoint());
  int killed = 0;
  EXPECT_TRUE(eventually([&] {
    for (int i = 0; i < 8; ++i) client.send("work for a child");
    for (const pid_t pid : server->tree().pids)
      if (pid != server->model_pid() && ::kill(pid, SIGKILL) == 0) ++killed;
    count_replies(client, 1ms);
    return killed >= 3;
  }));
  EXPECT_TRUE(comes_to_serve(*server));
  EXPECT_TRUE(eventually([&] { return server->tree().pids.size() == 1; }));
  EXPECT_EQ(settled(*server).zombies, 0U);
  expect_clean_stop(*server);
}

TEST_P(ChildPromise, NoMoreProcessesThanMaxClients) {
  constexpr std::size_t limit = 2;
  const auto server = start({"--max-clients", std::to_string(limit)});
  const DatagramClient client(server->endpoint());
  std::size_t most = 0;
  EXPECT_TRUE(eventually([&] {
    for (int i = 0; i < 50; ++i) client.send("one more");
    most = std::max(most, server->tree().pids.size());
    return server->log().find("--max-clients reached") != std::string::npos;
  }));
  EXPECT_LE(most, 1 + limit);
  count_replies(client, silence);
  EXPECT_TRUE(comes_to_serve(*server));
  expect_clean_stop(*server);
}

TEST_P(UnixgramPromise, AStalePathIsReplacedALiveOneNeverAndAtTheEndItIsGone) {
  const std::string where = endpoint();
  {
    ServerProcess killed(model().name, where);
    ASSERT_TRUE(killed.ready()) << killed.log();
    const auto processes = watch(killed.tree());
    killed.signal(SIGKILL);
    ASSERT_TRUE(eventually([&] { return all_ended(processes); }));
  }
  ServerProcess next(model().name, where);
  ASSERT_TRUE(next.ready()) << next.log();
  ServerProcess intruder(model().name, where);
  EXPECT_EQ(intruder.wait_for_exit(), 1);
  EXPECT_NE(intruder.log().find("another server has it"), std::string::npos);
  EXPECT_TRUE(is_served(next));
  expect_clean_stop(next);
  EXPECT_FALSE(std::filesystem::exists(next.endpoint().path));
}

std::vector<Case> in_all(bool (*applies)(const Model&) = [](const Model&) {
  return true;
}) {
  return datagram_models({"udp4", "udp6", "unixgram"}, applies);
}

INSTANTIATE_TEST_SUITE_P(Models, DatagramPromise, ::testing::ValuesIn(in_all()), name_of);
INSTANTIATE_TEST_SUITE_P(Models, UdpPromise,
                         ::testing::ValuesIn(datagram_models({"udp4", "udp6"})), name_of);
INSTANTIATE_TEST_SUITE_P(Models, UnixgramPromise,
                         ::testing::ValuesIn(datagram_models({"unixgram"})), name_of);
INSTANTIATE_TEST_SUITE_P(Models, ChildPromise,
                         ::testing::ValuesIn(in_all(has_a_child_per_request)), name_of);

/// One line that names the model, the endpoint and a model that would do; exit code 2.
void expect_refused(std::string_view model, const std::string& endpoint,
                    std::string_view other) {
  ServerProcess server(model, endpoint);
  EXPECT_FALSE(server.ready());
  EXPECT_EQ(server.wait_for_exit(), 2);
  for (const std::string_view part :
       {model, std::string_view(endpoint), other, std::string_view("serves")})
    EXPECT_NE(server.log().find(part), std::string::npos) << server.log();
}

TEST(TransportPromise, AModelIsRefusedATransportThatItDoesNotServe) {
  expect_refused("iterative", "udp://127.0.0.1:0", "udp_iterative");
  expect_refused("iterative", "unixgram:///tmp/none", "udp_iterative");
  expect_refused("udp_iterative", "tcp://127.0.0.1:0", "iterative");
  expect_refused("udp_batched", "unix:///tmp/none", "iterative");
}

}  // namespace
}  // namespace echolab::tests
