// Promises about running out: of descriptors, of processes and threads, of room in a
// bitmap. One client is turned away; the others never know.

#include <unistd.h>

#include <algorithm>

#include "common/program.hpp"
#include "tests/promises.hpp"

namespace echolab::tests {
namespace {

using namespace std::chrono_literals;

class DescriptorPromise : public Promise {};
class CrowdPromise : public Promise {};
class GrowthPromise : public Promise {};

/// How many of `clients` get an answer while the others are turned away or wait.
std::size_t count_served(std::vector<PlainClient>& clients) {
  for (auto& client : clients) client.send("me?");
  return static_cast<std::size_t>(std::ranges::count_if(clients, [](PlainClient& client) {
    return client.await("me?", 5ms) == Answer::echoed;
  }));
}

auto count_lines(const std::string& log) {
  return std::ranges::count(log, '\n');
}

std::vector<PlainClient> connect_clients(const ServerProcess& server,
                                         std::size_t number) {
  std::vector<PlainClient> clients;
  for (std::size_t i = 0; i < number; ++i) clients.emplace_back(server.endpoint());
  return clients;
}

TEST_P(DescriptorPromise, OutOfDescriptorsItTurnsAwayAndRecovers) {
  if (model().axes.readiness == "completion")
    GTEST_SKIP() << "an accept under way keeps to the limit that there was: TablePromise";
  const auto server = start();
  const ProcessTree roomy = server->tree();
  // UBSan needs a descriptor to look at an object for the first time.
  ASSERT_TRUE(serves_a_new_client(server->endpoint()));
  auto held = hold(*server, 4);
  leave_descriptors(settled(*server), 0);
  const auto starved_since = std::chrono::steady_clock::now();
  const auto lines_before = count_lines(server->log());
  {
    auto more = connect_clients(*server, 12);
    EXPECT_LT(count_served(more), more.size()) << "nobody was short of descriptors";
    EXPECT_TRUE(all_served(held));
    if (served_at_once(model()) > held.size()) {
      EXPECT_TRUE(says(*server, "turned away")) << server->log();
    }
    EXPECT_TRUE(waits_busily(model()) || comes_to_rest(*server));
    EXPECT_TRUE(all_served(held));
  }
  const auto starved = std::chrono::steady_clock::now() - starved_since;
  EXPECT_LE(count_lines(server->log()), lines_before + 3 + 2 * (starved / 1s))
      << server->log();
  held.clear();
  if (gives_descriptors_away(model()))  // its clients' leaving gives it nothing back
    set_limit(roomy, RLIMIT_NOFILE, RLIM_INFINITY);
  EXPECT_TRUE(eventually([&] { return serves_a_new_client(server->endpoint(), 1s); }));
  set_limit(server->tree(), RLIMIT_NOFILE, RLIM_INFINITY);
  expect_clean_stop(*server);
}

TEST_P(DescriptorPromise, ALowDescriptorLimitLowersMaxClientsAndIsSaid) {
  StartOptions options{.flags = {"--max-clients", "100"},
                       .limits = {{RLIMIT_NOFILE, 64}}};
  if (::geteuid() == 0) options.uid = 54321;  // root would raise the limit
  const auto server = start(options);
  EXPECT_TRUE(says(*server, "lowered to")) << server->log();
  auto held = hold(*server, 20);
  auto more = connect_clients(*server, 60);
  EXPECT_LT(count_served(more), more.size());
  EXPECT_TRUE(all_served(held));
  held.clear();
  more.clear();
  expect_clean_stop(*server);
}

TEST_P(CrowdPromise, MoreThanAThousandClientsAreServedOrTurnedAwayInOrder) {
  constexpr std::size_t wanted = 1100;
  if (raise_descriptor_limit(wanted + 100) < wanted + 100)
    GTEST_SKIP() << "this test needs " << wanted + 100 << " descriptors";
  const auto server = start({"--max-clients", "2000"});
  auto clients = connect_clients(*server, wanted);
  std::size_t served = 0;
  for (auto& client : clients) {
    const Answer answer = client.ask("one of many");
    EXPECT_TRUE(answer == Answer::echoed || answer == Answer::ended);
    served += answer == Answer::echoed ? 1 : 0;
  }
  const bool has_a_bitmap = model().axes.readiness == "select";
  EXPECT_TRUE(has_a_bitmap ? served > 900 && served < 1024 : served == wanted) << served;
  clients.erase(clients.begin() + 900, clients.end());
  EXPECT_TRUE(all_served(clients));
  clients.clear();
  EXPECT_TRUE(serves_a_new_client(server->endpoint()));
  expect_clean_stop(*server);
}

TEST_P(GrowthPromise, OutOfProcessesOrThreadsItTurnsAwayAndRecovers) {
  if (::geteuid() != 0)
    GTEST_SKIP() << "RLIMIT_NPROC counts all of a user: only root can take a fresh one";
  const auto lone_uid = static_cast<uid_t>(20'000 + ::getpid() % 40'000);
  constexpr std::size_t limit = 12;  // tasks of the user, supervisor and all
  const auto server =
      start(StartOptions{.limits = {{RLIMIT_NPROC, limit}}, .uid = lone_uid});
  auto held = hold(*server, 3);
  {
    auto more = connect_clients(*server, limit);
    std::size_t served = 0;
    while (served < limit && more[served].ask("me?") == Answer::echoed) ++served;
    EXPECT_LT(served, limit - held.size());
    for (std::size_t i = served; i < limit; ++i) EXPECT_TRUE(more[i].sees_end());
    EXPECT_TRUE(all_served(held));
    EXPECT_TRUE(comes_to_rest(*server));
    EXPECT_TRUE(says(*server, "turned away")) << server->log();
  }
  EXPECT_TRUE(eventually([&] { return serves_a_new_client(server->endpoint(), 1s); }));
  EXPECT_TRUE(all_served(held));
  held.clear();
  expect_clean_stop(*server);
}

INSTANTIATE_TEST_SUITE_P(Models, DescriptorPromise,
                         ::testing::ValuesIn(stream_models({"tcp4"})), name_of);
INSTANTIATE_TEST_SUITE_P(Models, CrowdPromise,
                         ::testing::ValuesIn(stream_models({"tcp4"}, waits_for_many)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Models, GrowthPromise,
                         ::testing::ValuesIn(stream_models({"tcp4"}, grows_with_clients)),
                         name_of);

}  // namespace
}  // namespace echolab::tests
