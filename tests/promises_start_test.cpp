// Promises about starting: where a server may listen, where it must not, and that it says
// why.

#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/promises.hpp"

namespace echolab::tests {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

/// Independent of the model: the first of the catalogue that is always there.
const std::string_view any_model = models().front().name;

class StartPromise : public ::testing::Test {
 protected:
  [[nodiscard]] std::string path() const { return folder_.path("echo.sock"); }
  [[nodiscard]] std::string endpoint() const { return "unix://" + path(); }

  Folder folder_;
};

/// One line that names `endpoint` and `why`, exit code 1, within a second.
void expect_refused(const std::string& endpoint, std::string_view why) {
  ServerProcess server(any_model, endpoint);
  EXPECT_FALSE(server.ready());
  EXPECT_EQ(server.wait_for_exit(1s * slowness), 1);
  const std::string log = server.log();
  EXPECT_NE(log.find(endpoint), std::string::npos) << log;
  EXPECT_NE(log.find(why), std::string::npos) << log;
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 1) << log;
}

TEST_F(StartPromise, PortZeroReportsThePortThatItGot) {
  ServerProcess server(any_model, "tcp://127.0.0.1:0");
  ASSERT_TRUE(server.ready()) << server.log();
  EXPECT_NE(server.endpoint().port, "0");
  EXPECT_NE(server.log().find(server.endpoint().text()), std::string::npos);
  EXPECT_TRUE(serves_a_new_client(server.endpoint()));
  expect_clean_stop(server);
}

TEST_F(StartPromise, ReadyNamesSupervisorAndModel) {
  ServerProcess server(any_model, endpoint());
  ASSERT_TRUE(server.ready()) << server.log();
  EXPECT_EQ(server.tree().pids, std::vector{server.model_pid()});
  EXPECT_EQ(server.endpoint().text(), endpoint());
}

TEST_F(StartPromise, APortInUseIsRefused) {
  ServerProcess first(any_model, "tcp://127.0.0.1:0");
  ASSERT_TRUE(first.ready()) << first.log();
  expect_refused(first.endpoint().text(), "another server has it");
  EXPECT_TRUE(serves_a_new_client(first.endpoint()));
}

// The server that closes first keeps its connections in TIME_WAIT: tcp(7), SO_REUSEADDR.
TEST_F(StartPromise, ARestartNeedNotWaitForTimeWait) {
  std::string where = "tcp://127.0.0.1:0";
  for (int i = 0; i < 3; ++i) {
    ServerProcess server(any_model, where, {.flags = {"--drain-timeout", "0"}});
    ASSERT_TRUE(server.ready()) << server.log();
    where = server.endpoint().text();
    PlainClient client(server.endpoint());
    ASSERT_EQ(client.ask("and then?"), Answer::echoed);
    EXPECT_EQ(server.stop(), 0);
    EXPECT_TRUE(client.sees_end());
  }
}

TEST_F(StartPromise, AStaleUnixPathIsReplaced) {
  {
    ServerProcess killed(any_model, endpoint());
    ASSERT_TRUE(killed.ready()) << killed.log();
    const auto processes = watch(killed.tree());
    killed.signal(SIGKILL);
    ASSERT_TRUE(eventually([&] { return all_ended(processes); }));
  }
  ASSERT_TRUE(fs::is_socket(path())) << "the test needs a stale path";
  ServerProcess next(any_model, endpoint());
  ASSERT_TRUE(next.ready()) << next.log();
  EXPECT_TRUE(serves_a_new_client(next.endpoint()));
  expect_clean_stop(next);
}

TEST_F(StartPromise, ALiveUnixPathIsRefused) {
  ServerProcess first(any_model, endpoint());
  ASSERT_TRUE(first.ready()) << first.log();
  expect_refused(endpoint(), "another server has it");
  EXPECT_TRUE(serves_a_new_client(first.endpoint()));
  expect_clean_stop(first);
}

TEST_F(StartPromise, ARegularFileIsRefusedAndKept) {
  std::ofstream(path()) << "precious";
  expect_refused(endpoint(), "no socket");
  std::string content;
  std::ifstream(path()) >> content;
  EXPECT_EQ(content, "precious");
}

TEST_F(StartPromise, ASymbolicLinkIsRefusedAndKept) {
  for (const char* target : {"nowhere", "/dev/null"}) {
    fs::remove(path());
    fs::create_symlink(target, path());
    expect_refused(endpoint(), "no socket");
    EXPECT_EQ(fs::read_symlink(path()), target);
  }
}

TEST_F(StartPromise, AFolderThatDoesNotExistIsNamed) {
  expect_refused("unix://" + folder_.path("none/echo.sock"), "folder does not exist");
}

TEST_F(StartPromise, AnAddressOfAnotherMachineIsRefused) {
  expect_refused("tcp://192.0.2.1:7007", "does not have that address");
}

TEST_F(StartPromise, AUnixSocketIsPrivateAndRemovedAtTheEnd) {
  ServerProcess server(any_model, endpoint());
  ASSERT_TRUE(server.ready()) << server.log();
  EXPECT_EQ(fs::status(path()).permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
  expect_clean_stop(server);
  EXPECT_FALSE(fs::exists(path()));
}

TEST_F(StartPromise, ASuccessorsUnixSocketIsNotRemoved) {
  ServerProcess first(any_model, endpoint());
  ASSERT_TRUE(first.ready()) << first.log();
  fs::remove(path());
  ServerProcess successor(any_model, endpoint());
  ASSERT_TRUE(successor.ready()) << successor.log();
  expect_clean_stop(first);
  EXPECT_TRUE(serves_a_new_client(successor.endpoint()));
}

TEST_F(StartPromise, EveryStopSignalDrains) {
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    ServerProcess server(any_model, endpoint(), {.flags = {"--drain-timeout", "10m"}});
    ASSERT_TRUE(server.ready()) << server.log();
    PlainClient client(server.endpoint());
    ASSERT_EQ(client.ask("before"), Answer::echoed);
    server.signal(number);
    EXPECT_TRUE(eventually([&] { return !accepts_connections(server.endpoint()); }));
    EXPECT_EQ(client.ask("after"), Answer::echoed);
    client.half_close();
    EXPECT_EQ(server.wait_for_exit(), 0) << "signal " << number;
  }
}

}  // namespace
}  // namespace echolab::tests
