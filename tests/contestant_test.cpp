// A contestant is started, found where it says that it is, and stopped with all it has.

#include "bench/contestant.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "bench/process_tree.hpp"
#include "clients/load.hpp"
#include "common/error.hpp"
#include "common/machine.hpp"

namespace echolab {
namespace {

using namespace std::chrono_literals;

bool is_there(pid_t pid) {
  return ::kill(pid, 0) == 0 || errno != ESRCH;
}

/// Its command line, words parted by blanks.
std::string command_line_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline");
  std::string text{std::istreambuf_iterator<char>(file), {}};
  for (char& c : text)
    if (c == '\0') c = ' ';
  return text;
}

class CeilingContestant : public testing::TestWithParam<std::string> {};

TEST_P(CeilingContestant, ServesVerifiedRequestsAndIsGoneAfterwards) {
  Start start;
  start.arguments = {"--workers", "3"};  // of echo_server: not for it
  const std::string endpoint =
      GetParam() + (GetParam().starts_with("unix")
                        ? std::filesystem::temp_directory_path().string() +
                              "/contestant_test-" + std::to_string(::getpid())
                        : "127.0.0.1:0");
  const Endpoint listen = Endpoint::parse(endpoint);
  start.ceiling_in_datagrams = listen.is_datagram();
  (listen.is_datagram() ? start.listen_datagrams : start.listen) = listen;
  pid_t root = 0;
  {
    const RunningServer server(ceiling_contestant(), start);
    root = server.root();
    EXPECT_TRUE(server.alive());
    EXPECT_EQ(server.endpoint().transport, listen.transport);
    LoadPlan plan;
    plan.server = server.endpoint();
    plan.connections = 4;
    plan.warm_up = 0ms;
    plan.duration = 50ms;
    const LoadResult result = run_load(plan, {});
    EXPECT_EQ(result.errors.total(), 0) << result.first_failure;
    EXPECT_GT(result.requests, 0);
  }
  EXPECT_FALSE(is_there(root));
  EXPECT_TRUE(listen.path.empty() || !std::filesystem::exists(listen.path));
}

INSTANTIATE_TEST_SUITE_P(Transports, CeilingContestant,
                         testing::Values("tcp://", "unix://", "udp://", "unixgram://"),
                         [](const auto& one) {
                           return one.param.substr(0, one.param.find(':'));
                         });

TEST(Contestant, CeilingIsTheNullResponderOnTheServersProcessor) {
  Start start;
  start.cpus = {allowed_cpus().back()};
  const RunningServer server(ceiling_contestant(), start);
  EXPECT_NE(command_line_of(server.root()).find("/echo_load --null-responder tcp://"),
            std::string::npos);
  cpu_set_t cpus;
  ASSERT_EQ(::sched_getaffinity(server.root(), sizeof cpus, &cpus), 0);
  EXPECT_EQ(CPU_COUNT(&cpus), 1);
  EXPECT_TRUE(CPU_ISSET(start.cpus.front(), &cpus));
}

TEST(Contestant, CeilingAnswersFramesOfWorkWithoutWorking) {
  Start start;
  start.work = true;
  const RunningServer server(ceiling_contestant(), start);
  EXPECT_EQ(verify_echo(server.endpoint(), 2s, true), "");
  EXPECT_NE(command_line_of(server.root()).find("--protocol work"), std::string::npos);
}

TEST(Contestant, IsReadyOnceItAnswersAGetWhereHttpIsSpoken) {
  Start start;
  start.http_get = "/any";
  const RunningServer ceiling(ceiling_contestant(), start);
  EXPECT_NE(command_line_of(ceiling.root()).find("--protocol http"), std::string::npos);
  EXPECT_EQ(verify_get(ceiling.endpoint(), 2s, "/any"), "");
  start.arguments = {"--protocol", "http"};
  const RunningServer model(model_contestant("iterative"), start);
  EXPECT_EQ(verify_get(model.endpoint(), 2s, "/any"), "");
}

TEST(Contestant, ThatEchoesAnswersNoGet) {
  const RunningServer server(model_contestant("iterative"), Start());
  EXPECT_EQ(verify_echo(server.endpoint(), 2s), "");
  const std::string trouble = verify_get(server.endpoint(), 2s, "/any");
  EXPECT_NE(trouble.find("GET /any: the reply is no HTTP/1.1"), std::string::npos)
      << trouble;
}

TEST(Contestant, CeilingIsNoModelAndNobodysTwin) {
  const Contestant ceiling = ceiling_contestant();
  EXPECT_TRUE(ceiling.is_ceiling);
  EXPECT_EQ(ceiling.name, "null_responder");
  EXPECT_EQ(ceiling.family, "ceiling");
  EXPECT_EQ(ceiling.model, nullptr);
  EXPECT_FALSE(model_contestant("epoll_level").is_ceiling);
  EXPECT_FALSE(external_contestant("mine=x {port}").is_ceiling);
}

}  // namespace
}  // namespace echolab
