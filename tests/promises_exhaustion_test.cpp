// Promises about running out: of descriptors, of processes and threads, of room in a
// bitmap. One client is turned away; the others never know.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "common/program.hpp"
#include "tests/promises.hpp"

namespace echolab::tests {
namespace {

using namespace std::chrono_literals;

class DescriptorPromise : public Promise {};
class CrowdPromise : public Promise {};
class QueuePromise : public Promise {};
class GrowthPromise : public Promise {};

auto count_lines(const std::string& log) {
  return std::ranges::count(log, '\n');
}

TEST_P(DescriptorPromise, OutOfDescriptorsItTurnsAwayAndRecovers) {
  if (model().axes.readiness == "completion")
    GTEST_SKIP() << "an accept under way keeps to the limit that there was: TablePromise";
  const auto server = start();
  const ProcessTree roomy = server->tree();
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
  if (may_starve_alone(model())) set_limit(roomy, RLIMIT_NOFILE, RLIM_INFINITY);
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

/// Why there cannot be so many clients here; empty: there can.
std::string no_room_for(std::size_t clients, const Model& model) {
  if (raise_descriptor_limit(clients + 100) < clients + 100)
    return fmt::format("this test needs {} descriptors", clients + 100);
  std::ifstream limit_file("/sys/fs/cgroup/pids.max");
  std::ifstream taken_file("/sys/fs/cgroup/pids.current");
  std::size_t limit = 0;  // stays 0 where the file is missing, or says "max"
  std::size_t taken = 0;
  if (grows_with_clients(model) && limit_file >> limit && taken_file >> taken &&
      taken + clients + 100 > limit)
    return fmt::format("this test needs {} tasks of the cgroup's {}", clients, limit);
  return "";
}

TEST_P(CrowdPromise, MoreThanAThousandClientsAreServedOrTurnedAwayInOrder) {
  // A sanitizer needs so much memory and time for each process and thread.
  const std::size_t wanted = grows_with_clients(model()) && slowness > 1 ? 100 : 1100;
  if (const auto why = no_room_for(wanted, model()); !why.empty()) GTEST_SKIP() << why;
  const auto server = start({"--max-clients", "2000"});
  auto clients = connect_clients(*server, wanted);
  std::size_t served = 0;
  for (auto& client : clients) {
    const Answer answer = client.ask("one of many");
    EXPECT_TRUE(answer == Answer::echoed || answer == Answer::ended);
    served += answer == Answer::echoed ? 1 : 0;
  }
  const bool has_a_bitmap = model().serves_at_once() == "1023";
  EXPECT_TRUE(has_a_bitmap ? served > 900 && served < 1024 : served == wanted) << served;
  if (clients.size() > 900) clients.erase(clients.begin() + 900, clients.end());
  EXPECT_TRUE(all_served(clients));
  clients.clear();
  EXPECT_TRUE(serves_a_new_client(server->endpoint()));
  expect_clean_stop(*server);
}

// So many have a turn at once, and the others are not forgotten.
TEST_P(QueuePromise, AThousandClientsHaveTheirTurnInTheOrderInWhichTheyCame) {
  constexpr std::size_t wanted = 1000;
  if (const auto why = no_room_for(wanted, model()); !why.empty()) GTEST_SKIP() << why;
  const auto server = start();
  auto clients = connect_clients(*server, wanted);
  for (auto& client : clients) client.send("my turn?");
  const std::size_t at_once = served_at_once(model());
  for (std::size_t i = 0; i < at_once; ++i)
    EXPECT_EQ(clients[i].await("my turn?"), Answer::echoed) << "client " << i;
  EXPECT_EQ(clients[at_once].await("my turn?", 50ms), Answer::silent);
  for (std::size_t i = 0; i + at_once < wanted; ++i) {
    clients[i].close();
    ASSERT_EQ(clients[i + at_once].await("my turn?"), Answer::echoed)
        << "client " << i + at_once;
  }
  clients.clear();
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

bool serves_in_turn(const Model& model) {
  return served_at_once(model) <= workers;
}

bool serves_a_crowd(const Model& model) {
  return !serves_in_turn(model);
}

INSTANTIATE_TEST_SUITE_P(Models, DescriptorPromise,
                         ::testing::ValuesIn(stream_models({"tcp4"})), name_of);
INSTANTIATE_TEST_SUITE_P(Models, CrowdPromise,
                         ::testing::ValuesIn(stream_models({"tcp4"}, serves_a_crowd)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Models, QueuePromise,
                         ::testing::ValuesIn(stream_models({"tcp4"}, serves_in_turn)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Models, GrowthPromise,
                         ::testing::ValuesIn(stream_models({"tcp4"}, grows_with_clients)),
                         name_of);

}  // namespace
}  // namespace echolab::tests
