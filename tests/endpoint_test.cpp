// Endpoints as people write them, and listeners that keep to what is theirs.

#include "common/endpoint.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "common/drive.hpp"
#include "common/error.hpp"
#include "common/listener.hpp"

namespace echolab {
namespace {

using namespace std::chrono_literals;

/// A folder of its own, removed with all that is in it.
class Folder {
 public:
  Folder() {
    char name[] = "/tmp/echolab-test-XXXXXX";
    checked(::mkdtemp(name) == nullptr ? -1 : 0, "mkdtemp");
    path_ = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }

  [[nodiscard]] std::string file(const std::string& name) const {
    return path_ + "/" + name;
  }
  [[nodiscard]] Endpoint endpoint(const std::string& name = "echo.sock") const {
    return Endpoint::parse("unix://" + file(name));
  }

 private:
  std::string path_;
};

/// What parse() says about `text`, or "" when it takes it.
std::string complaint(std::string_view text) {
  try {
    Endpoint::parse(text);
  } catch (const UsageError& error) {
    EXPECT_EQ(error.code, ExitCode::usage);
    return error.what();
  }
  return "";
}

/// How `work` failed, or "" when it did not.
template <class Work>
std::string failure(Work&& work) {
  try {
    work();
  } catch (const Failure& error) {
    return error.what();
  }
  return "";
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != text.npos;
}

Endpoint any_port(const std::string& host = "127.0.0.1") {
  return {.transport = Transport::tcp, .host = host, .port = "0", .path = {}};
}

/// True when one byte goes there and back.
bool converses(int one, int other) {
  std::byte byte{42};
  if (transmit(one, {&byte, 1}) != 1) return false;
  byte = std::byte{0};
  return receive(other, {&byte, 1}) == 1 && byte == std::byte{42};
}

// --- what people write

TEST(Endpoint, IsWrittenAsItWasRead) {
  for (const char* text :
       {"tcp://127.0.0.1:7007", "tcp://localhost:http", "tcp://[::1]:7007",
        "tcp://[fe80::1%lo]:1", "tcp://[::ffff:127.0.0.1]:65535", "tcp://0.0.0.0:0",
        "udp://127.0.0.1:7007", "udp://localhost:echo", "udp://[::1]:7007",
        "unixgram:///tmp/echo.sock", "unixgram://relative/echo.sock",
        "tcp://a-host.example.org:iscsi-target", "unix:///tmp/echo.sock",
        "unix://relative/echo.sock", "unix:///with space/and:colon", "unix://[x]"})
    EXPECT_EQ(Endpoint::parse(text).text(), text);
}

TEST(Endpoint, KnowsItsParts) {
  const Endpoint v4 = Endpoint::parse("tcp://localhost:echo");
  EXPECT_EQ(v4.transport, Transport::tcp);
  EXPECT_EQ(v4.host, "localhost");
  EXPECT_EQ(v4.port, "echo");
  const Endpoint v6 = Endpoint::parse("tcp://[::1]:7007");
  EXPECT_EQ(v6.host, "::1");
  EXPECT_EQ(v6.port, "7007");
  const Endpoint local = Endpoint::parse("unix:///tmp/a:b");
  EXPECT_EQ(local.transport, Transport::unix_stream);
  EXPECT_EQ(local.path, "/tmp/a:b");
}

TEST(Endpoint, KnowsWhetherItIsForDatagrams) {
  const Endpoint udp = Endpoint::parse("udp://[::1]:53");
  EXPECT_EQ(udp.transport, Transport::udp);
  EXPECT_EQ(udp.host, "::1");
  EXPECT_EQ(udp.port, "53");
  const Endpoint local = Endpoint::parse("unixgram:///tmp/a:b");
  EXPECT_EQ(local.transport, Transport::unix_datagram);
  EXPECT_EQ(local.path, "/tmp/a:b");
  for (const Endpoint& datagram : {udp, local}) {
    EXPECT_TRUE(datagram.is_datagram());
    EXPECT_EQ(datagram.socket_type(), SOCK_DGRAM);
  }
  for (const char* text : {"tcp://[::1]:53", "unix:///tmp/a"}) {
    EXPECT_FALSE(Endpoint::parse(text).is_datagram());
    EXPECT_EQ(Endpoint::parse(text).socket_type(), SOCK_STREAM);
  }
  EXPECT_TRUE(local.is_local());
  EXPECT_FALSE(udp.is_local());
}

TEST(Endpoint, SaysWhatIsWrongWithAMalformedOne) {
  const struct {
    std::string_view text;
    std::string_view named;
  } cases[] = {
      {"", "no '://'"},
      {"127.0.0.1:7007", "no '://'"},
      {"tcp:/127.0.0.1:7007", "no '://'"},
      {"://127.0.0.1:7007", "'' is no transport"},
      {"TCP://127.0.0.1:7007", "'TCP' is no transport"},
      {"http://127.0.0.1:80", "'http' is no transport"},
      {"tcp://", "no ':PORT'"},
      {"tcp://127.0.0.1", "no ':PORT'"},
      {"tcp://[::1]", "no ':PORT'"},
      {"tcp://[::1]7007", "no ':PORT'"},
      {"tcp://[::1]x:7007", "no ':PORT'"},
      {"tcp://[::1:7007", "']'"},
      {"tcp://[", "']'"},
      {"tcp://::1:7007", "brackets"},
      {"tcp://a:b:7007", "brackets"},
      {"tcp://:7007", "host is missing"},
      {"tcp://[]:7007", "host is missing"},
      {"tcp://127.0.0.1:", "port is missing"},
      {"tcp://[::1]:", "port is missing"},
      {"tcp://127.0.0.1:65536", "65535"},
      {"tcp://127.0.0.1:100000", "65535"},
      {"tcp://127.0.0.1:18446744073709551617", "65535"},
      {"tcp://127.0.0.1:-1", "a number or a service name"},
      {"tcp://127.0.0.1:+7", "a number or a service name"},
      {"tcp://127.0.0.1:+4294967303", "a number or a service name"},
      {"tcp://127.0.0.1: 7", "a number or a service name"},
      {"tcp://[::1]:7:8", "a number or a service name"},
      {"unix://", "path is missing"},
      {"udp://127.0.0.1", "no ':PORT'"},
      {"udp://::1:7007", "brackets"},
      {"udp://127.0.0.1:65536", "65535"},
      {"unixgram://", "path is missing"},
      {"dgram:///tmp/a", "'dgram' is no transport"},
  };
  for (const auto& [text, named] : cases) {
    const std::string said = complaint(text);
    EXPECT_TRUE(contains(said, named)) << text << ": " << said;
    EXPECT_TRUE(contains(said, fmt::format("'{}'", text))) << said;
    EXPECT_TRUE(contains(said, "tcp://HOST:PORT")) << "what would be right? " << said;
    EXPECT_TRUE(contains(said, "unixgram://PATH")) << "what would be right? " << said;
  }
}

TEST(Endpoint, TakesEveryPortFrom0To65535) {
  for (const char* port : {"0", "1", "7007", "65535", "00080"})
    EXPECT_EQ(complaint(std::string("tcp://127.0.0.1:") + port), "");
  for (const int port : {0, 1, 7007, 65535}) {
    const auto found =
        resolve(Endpoint::parse("tcp://127.0.0.1:" + std::to_string(port)));
    EXPECT_EQ(port_of(found.at(0)), port);
  }
}

TEST(Endpoint, TakesAPathOf107BytesAndNames108) {
  const std::string longest(107, 'p');
  EXPECT_EQ(Endpoint::parse("unix://" + longest).path, longest);
  const std::string said = complaint("unix://" + longest + "p");
  EXPECT_TRUE(contains(said, "108 bytes")) << said;
  EXPECT_TRUE(contains(said, "at most 107")) << said;
}

TEST(Endpoint, HasNoNulByte) {
  using std::string_view_literals::operator""sv;
  EXPECT_TRUE(contains(complaint("unix:///tmp/a\0b"sv), "NUL"));
  EXPECT_TRUE(contains(complaint("unix://\0abstract"sv), "NUL"));
  EXPECT_TRUE(contains(complaint("tcp://localhost\0.org:7007"sv), "NUL"));
}

// --- what the machine makes of it

TEST(Resolve, GivesTheAddressOfANumber) {
  const auto v4 = resolve(Endpoint::parse("tcp://127.0.0.1:7007"));
  ASSERT_EQ(v4.size(), 1U);
  EXPECT_EQ(v4[0].family(), AF_INET);
  EXPECT_EQ(endpoint_text(v4[0]), "tcp://127.0.0.1:7007");
  const auto v6 = resolve(Endpoint::parse("tcp://[::1]:7007"));
  ASSERT_EQ(v6.size(), 1U);
  EXPECT_EQ(v6[0].family(), AF_INET6);
  EXPECT_EQ(endpoint_text(v6[0]), "tcp://[::1]:7007");
  EXPECT_EQ(port_of(v6[0]), 7007);
}

TEST(Resolve, KnowsServicesByName) {
  EXPECT_EQ(port_of(resolve(Endpoint::parse("tcp://127.0.0.1:http")).at(0)), 80);
}

TEST(Resolve, KnowsServicesOfDatagramsByName) {
  EXPECT_EQ(port_of(resolve(Endpoint::parse("udp://127.0.0.1:tftp")).at(0)), 69);
  EXPECT_NE(failure([] { resolve(Endpoint::parse("tcp://127.0.0.1:tftp")); }), "");
}

TEST(Resolve, KnowsHostsByName) {
  for (const Address& address : resolve(Endpoint::parse("tcp://localhost:7007")))
    EXPECT_EQ(port_of(address), 7007);
}

TEST(Resolve, NamesAServiceThatDoesNotExist) {
  const std::string said =
      failure([] { resolve(Endpoint::parse("tcp://127.0.0.1:no-such-service")); });
  EXPECT_TRUE(contains(said, "tcp://127.0.0.1:no-such-service: ")) << said;
}

TEST(Resolve, GivesAUnixPathAsItIs) {
  const std::string longest(107, 'p');
  const auto found = resolve(Endpoint::parse("unix://" + longest));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].family(), AF_UNIX);
  EXPECT_EQ(endpoint_text(found[0]), "unix://" + longest);
  EXPECT_EQ(port_of(found[0]), 0);
}

TEST(LoopbackSource, CountsOnFrom127001) {
  const Address server = resolve(Endpoint::parse("tcp://127.0.0.1:7007")).at(0);
  EXPECT_EQ(endpoint_text(loopback_source(server, 0).value()), "tcp://127.0.0.1:0");
  EXPECT_EQ(endpoint_text(loopback_source(server, 1).value()), "tcp://127.0.0.2:0");
  EXPECT_EQ(endpoint_text(loopback_source(server, 255).value()), "tcp://127.0.1.0:0");
}

TEST(LoopbackSource, IsForAnyAddressOfTheLoopbackNetAndNoOther) {
  const auto source = [](const char* text) {
    return loopback_source(resolve(Endpoint::parse(text)).at(0), 1);
  };
  EXPECT_TRUE(source("tcp://127.9.9.9:1"));
  EXPECT_FALSE(source("tcp://192.0.2.1:1"));
  EXPECT_FALSE(source("tcp://128.0.0.1:1"));
  EXPECT_FALSE(source("tcp://[::1]:1"));
  EXPECT_FALSE(source("unix:///tmp/x"));
}

TEST(LoopbackSource, IsWhereTheConnectionComesFrom) {
  Listener listener(any_port());
  const Address server = resolve(listener.endpoint()).at(0);
  const Connecting started = start_connect(server, loopback_source(server, 5));
  ASSERT_TRUE(started.fd) << std::strerror(started.error);
  const Fd client = listener.accept();
  EXPECT_EQ(connect_error(started.fd.get()), 0);
  Address peer;
  peer.size = sizeof peer.storage;
  ASSERT_EQ(::getpeername(client.get(), peer.get(), &peer.size), 0);
  EXPECT_TRUE(contains(endpoint_text(peer), "tcp://127.0.0.6:")) << endpoint_text(peer);
}

// --- how a client gets there

TEST(Connect, NamesTheEndpointWhereNobodyListens) {
  Endpoint free = any_port();
  free.port = Listener(free).endpoint().port;  // was free a moment ago
  const std::string said = failure([&] { connect_to(free); });
  EXPECT_TRUE(contains(said, free.text())) << said;
  EXPECT_TRUE(contains(said, "Connection refused")) << said;
}

TEST(Connect, ThatWasRefusedLeavesItsReasonAndNoError) {
  Endpoint free = any_port();
  free.port = Listener(free).endpoint().port;
  const Connecting started = start_connect(resolve(free).at(0));
  if (started.fd) {
    pollfd wait{.fd = started.fd.get(), .events = POLLOUT, .revents = 0};
    ASSERT_EQ(::poll(&wait, 1, 5000), 1);
    EXPECT_EQ(connect_error(started.fd.get()), ECONNREFUSED);
  } else {
    EXPECT_EQ(started.error, ECONNREFUSED);
  }
}

TEST(Connect, TurnsNagleOffAtBothEnds) {
  Listener listener(any_port());
  const Fd here = connect_to(listener.endpoint());
  const Fd there = listener.accept();
  for (const int fd : {here.get(), there.get()}) {
    int on = 0;
    socklen_t size = sizeof on;
    ASSERT_EQ(::getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &size), 0);
    EXPECT_NE(on, 0);
  }
}

TEST(Connect, GivesDescriptorsThatNoExecInherits) {
  Listener listener(any_port());
  const Fd here = connect_to(listener.endpoint());
  const Fd there = listener.accept();
  const Connecting started = start_connect(resolve(listener.endpoint()).at(0));
  for (const int fd : {here.get(), there.get(), started.fd.get(), listener.fd()})
    EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
}

TEST(Connect, ToAUnixSocketWhoseQueueIsFullSaysTryAgain) {
  const Folder folder;
  Listener listener(folder.endpoint(), {.backlog = 0});
  const Address server = resolve(listener.endpoint()).at(0);
  std::vector<Connecting> waiting;
  do waiting.push_back(start_connect(server));
  while (waiting.back().error == 0 && waiting.size() < 100);
  EXPECT_EQ(waiting.back().error, EAGAIN);
  EXPECT_FALSE(waiting.back().fd);
}

// --- where clients arrive

TEST(Listener, OnPort0SaysWhichPortItGot) {
  Listener listener(any_port());
  EXPECT_NE(listener.endpoint().port, "0");
  const Fd here = connect_to(listener.endpoint());
  const Fd there = listener.accept();
  EXPECT_TRUE(converses(here.get(), there.get()));
  EXPECT_TRUE(converses(there.get(), here.get()));
}

TEST(Listener, ListensOnIPv6) {
  Listener listener(any_port("::1"));
  EXPECT_TRUE(contains(listener.endpoint().text(), "tcp://[::1]:"));
  const Fd here = connect_to(listener.endpoint());
  const Fd there = listener.accept();
  EXPECT_TRUE(converses(here.get(), there.get()));
}

TEST(Listener, NamesAPortThatAnotherServerHas) {
  Listener first(any_port());
  const std::string said = failure([&] { Listener second(first.endpoint()); });
  EXPECT_TRUE(contains(said, first.endpoint().text())) << said;
  EXPECT_TRUE(contains(said, "another server has it")) << said;
}

TEST(Listener, NamesAnAddressThatThisMachineDoesNotHave) {
  const std::string said =
      failure([] { Listener listener(Endpoint::parse("tcp://192.0.2.1:0")); });
  EXPECT_TRUE(contains(said, "192.0.2.1")) << said;
  EXPECT_TRUE(contains(said, "does not have that address")) << said;
}

TEST(Listener, TakesItsPortAgainAtOnceAfterItServed) {
  Endpoint endpoint = any_port();
  {
    Listener listener(endpoint);
    endpoint = listener.endpoint();
    const Fd here = connect_to(endpoint);
    Fd there = listener.accept();
    there.reset();  // the server ends first: TIME_WAIT is here
  }
  EXPECT_EQ(failure([&] { Listener again(endpoint); }), "");
}

TEST(UnixListener, IsForItsOwnerOnly) {
  const Folder folder;
  const mode_t before = ::umask(0);
  Listener listener(folder.endpoint());
  const mode_t after = ::umask(before);
  EXPECT_EQ(after, mode_t{0}) << "the caller's umask must come back";
  struct stat found {};
  ASSERT_EQ(::lstat(listener.endpoint().path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, mode_t{0600});
  EXPECT_TRUE(S_ISSOCK(found.st_mode));
}

TEST(UnixListener, ListensOnAPathOf107Bytes) {
  const Folder folder;
  const std::string name(107 - folder.file("").size(), 'p');
  Listener listener(folder.endpoint(name));
  ASSERT_EQ(listener.endpoint().path.size(), 107U);
  const Fd here = connect_to(listener.endpoint());
  const Fd there = listener.accept();
  EXPECT_TRUE(converses(here.get(), there.get()));
}

TEST(UnixListener, TakesItsPathAwayWithIt) {
  const Folder folder;
  { Listener listener(folder.endpoint()); }
  EXPECT_FALSE(std::filesystem::exists(folder.endpoint().path));
}

TEST(UnixListener, ReplacesASocketThatADeadServerLeft) {
  const Folder folder;
  {
    const Fd dead(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const Address address = resolve(folder.endpoint()).at(0);
    ASSERT_EQ(::bind(dead.get(), address.get(), address.size), 0);
    ASSERT_EQ(::listen(dead.get(), 1), 0);
  }
  ASSERT_TRUE(std::filesystem::exists(folder.endpoint().path));
  Listener listener(folder.endpoint());
  const Fd here = connect_to(listener.endpoint());
  EXPECT_TRUE(listener.accept());
}

TEST(UnixListener, NeverReplacesALiveServer) {
  const Folder folder;
  Listener live(folder.endpoint());
  const std::string said = failure([&] { Listener second(folder.endpoint()); });
  EXPECT_TRUE(contains(said, "another server has it")) << said;
  const Fd here = connect_to(folder.endpoint());
  EXPECT_TRUE(here);
}

TEST(UnixListener, NeverReplacesALiveServerWhoseQueueIsFull) {
  const Folder folder;
  Listener live(folder.endpoint(), {.backlog = 0});
  std::vector<Connecting> waiting;
  do waiting.push_back(start_connect(resolve(folder.endpoint()).at(0)));
  while (waiting.back().error == 0 && waiting.size() < 100);
  EXPECT_NE(failure([&] { Listener second(folder.endpoint()); }), "");
  EXPECT_TRUE(std::filesystem::exists(folder.endpoint().path));
}

TEST(UnixListener, NeverReplacesAFileAFolderOrALink) {
  const Folder folder;
  std::ofstream(folder.file("file")) << "precious";
  std::filesystem::create_directory(folder.file("folder"));
  std::filesystem::create_symlink("nowhere", folder.file("link"));
  for (const char* name : {"file", "folder", "link"}) {
    const std::string said = failure([&] { Listener listener(folder.endpoint(name)); });
    EXPECT_TRUE(contains(said, "no socket")) << name << ": " << said;
    EXPECT_TRUE(
        std::filesystem::exists(std::filesystem::symlink_status(folder.file(name))));
  }
  std::string text;
  std::getline(std::ifstream(folder.file("file")), text);
  EXPECT_EQ(text, "precious");
}

TEST(UnixListener, LeavesAnotherServersNewSocketWhereItIs) {
  const Folder folder;
  auto first = std::make_unique<Listener>(folder.endpoint());
  ASSERT_EQ(::unlink(folder.endpoint().path.c_str()), 0);
  Listener second(folder.endpoint());
  first.reset();
  ASSERT_TRUE(std::filesystem::exists(folder.endpoint().path));
  const Fd here = connect_to(folder.endpoint());
  EXPECT_TRUE(second.accept());
}

TEST(UnixListener, NamesAFolderThatDoesNotExist) {
  const Folder folder;
  const std::string said =
      failure([&] { Listener listener(folder.endpoint("none/echo.sock")); });
  EXPECT_TRUE(contains(said, "folder does not exist")) << said;
}

// --- stop() ends it for all who wait, however they wait

class StopWakes : public testing::TestWithParam<bool> {
 protected:
  Folder folder_;
  Listener listener_{GetParam() ? folder_.endpoint() : any_port()};
};
INSTANTIATE_TEST_SUITE_P(Listener, StopWakes, testing::Bool(),
                         [](const auto& one) { return one.param ? "unix" : "tcp"; });

TEST_P(StopWakes, EveryThreadThatIsBlockedInAccept) {
  std::atomic<int> woken{0};
  const auto wait = [&] {
    if (!listener_.accept()) ++woken;
  };
  std::thread one(wait);
  std::thread other(wait);
  std::this_thread::sleep_for(50ms);  // until both are blocked, or nearly always
  listener_.stop();
  one.join();
  other.join();
  EXPECT_EQ(woken, 2);
}

TEST_P(StopWakes, AnAcceptThatComesLater) {
  listener_.stop();
  EXPECT_FALSE(listener_.accept());
  EXPECT_FALSE(listener_.accept());
}

TEST_P(StopWakes, APollAndTheLoopThenSeesTheEnd) {
  listener_.non_blocking();
  std::thread stopper([&] {
    std::this_thread::sleep_for(50ms);
    listener_.stop();
  });
  pollfd wait{.fd = listener_.fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&wait, 1, 10'000), 1);
  stopper.join();
  EXPECT_FALSE(listener_.accept_waiting([](Fd) { FAIL() << "nobody came"; }));
}

TEST_P(StopWakes, NobodyWhoIsAlreadyAClient) {
  const Fd here = connect_to(listener_.endpoint());
  const Fd there = listener_.accept();
  listener_.stop();
  EXPECT_TRUE(converses(here.get(), there.get()));
  EXPECT_TRUE(converses(there.get(), here.get()));
}

TEST_P(StopWakes, AndNobodyNewIsLetIn) {
  listener_.stop();
  EXPECT_NE(failure([&] { connect_to(listener_.endpoint()); }), "");
}

// --- datagrams

/// In which transport.
enum class Kind { udp4, udp6, local };

class DatagramListener : public testing::TestWithParam<Kind> {
 protected:
  [[nodiscard]] Endpoint endpoint() const {
    switch (GetParam()) {
      case Kind::udp4:
        return Endpoint::parse("udp://127.0.0.1:0");
      case Kind::udp6:
        return Endpoint::parse("udp://[::1]:0");
      case Kind::local:
        break;
    }
    return Endpoint::parse("unixgram://" + folder_.file("echo.sock"));
  }
  [[nodiscard]] bool is_local() const { return GetParam() == Kind::local; }

  Folder folder_;
  Listener listener_{endpoint()};
};
std::string name_of(const testing::TestParamInfo<Kind>& info) {
  constexpr std::array names{"udp4", "udp6", "unixgram"};
  return names[static_cast<std::size_t>(info.param)];
}
INSTANTIATE_TEST_SUITE_P(Listener, DatagramListener,
                         testing::Values(Kind::udp4, Kind::udp6, Kind::local), name_of);

/// What `listener` receives, and from whom; it waits.
std::string receive_from(const Listener& listener, Address& sender) {
  std::string bytes(100'000, '\0');
  sender.size = sizeof sender.storage;
  const ssize_t n = ::recvfrom(listener.fd(), bytes.data(), bytes.size(), 0, sender.get(),
                               &sender.size);
  bytes.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return bytes;
}

bool say(const Fd& fd, std::string_view text) {
  return ::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(text.size());
}

TEST_P(DatagramListener, HearsAClientThatCanBeAnswered) {
  const Fd client = connect_to(listener_.endpoint());
  ASSERT_TRUE(say(client, "hello"));
  Address sender;
  EXPECT_EQ(receive_from(listener_, sender), "hello");
  ASSERT_EQ(::sendto(listener_.fd(), "you", 3, MSG_NOSIGNAL, sender.get(), sender.size),
            3);
  std::array<std::byte, 8> reply{};
  EXPECT_EQ(receive(client.get(), reply), 3);
}

TEST_P(DatagramListener, HearsAStartedConnectAsWell) {
  const auto server = resolve(listener_.endpoint()).at(0);
  const Connecting client = start_connect(server, std::nullopt, SOCK_DGRAM);
  ASSERT_EQ(client.error, 0) << std::strerror(client.error);
  EXPECT_NE(::fcntl(client.fd.get(), F_GETFL) & O_NONBLOCK, 0);
  ASSERT_TRUE(say(client.fd, "hello"));
  Address sender;
  EXPECT_EQ(receive_from(listener_, sender), "hello");
  EXPECT_GT(sender.size, sizeof(sa_family_t)) << "it cannot be answered";
}

TEST_P(DatagramListener, StopWakesEveryThreadThatIsBlockedInAReceive) {
  std::atomic<int> woken{0};
  const auto wait = [&] {
    Address sender;
    if (receive_from(listener_, sender).empty() && sender.size == 0 &&
        listener_.is_over())
      ++woken;
  };
  std::thread one(wait);
  std::thread other(wait);
  std::this_thread::sleep_for(50ms);  // until both are blocked, or nearly always
  EXPECT_FALSE(listener_.is_over());
  listener_.stop();
  one.join();
  other.join();
  EXPECT_EQ(woken, 2);
}

TEST_P(DatagramListener, WhatHadComeIsReceivedAfterTheStopAndAnswered) {
  const Fd client = connect_to(listener_.endpoint());
  for (const char* text : {"one", "", "two"}) ASSERT_TRUE(say(client, text));
  listener_.stop();
  Address sender;
  for (const char* text : {"one", "", "two"}) {
    EXPECT_FALSE(listener_.is_over()) << "before " << text;
    EXPECT_EQ(receive_from(listener_, sender), text);
    EXPECT_GT(sender.size, 0u);
  }
  EXPECT_TRUE(listener_.is_over());
  EXPECT_EQ(::sendto(listener_.fd(), "bye", 3, MSG_NOSIGNAL, sender.get(), sender.size),
            3);
}

TEST_P(DatagramListener, NothingComesAfterTheStop) {
  const Fd client = connect_to(listener_.endpoint());
  listener_.stop();
  for (int i = 0; i < 10; ++i) say(client, "too late");
  EXPECT_TRUE(listener_.is_over());
}

TEST_P(DatagramListener, IsRefusedWhereAnotherServerIs) {
  const std::string said = failure([&] { Listener second(listener_.endpoint()); });
  EXPECT_TRUE(contains(said, "another server has it")) << said;
  EXPECT_NE(failure([&] { Listener second(listener_.endpoint(), {.shards = 2}); }), "");
}

TEST_P(DatagramListener, ShardsShareTheEndpointAndAllAreStopped) {
  const Folder folder;
  constexpr std::size_t shards = 4;
  Listener group(is_local() ? Endpoint::parse("unixgram://" + folder.file("group.sock"))
                            : endpoint(),
                 {.shards = shards});
  std::vector<Fd> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(connect_to(group.endpoint()));
    if (is_local() && i >= 8) continue;  // its queue holds 10
    ASSERT_TRUE(say(clients.back(), "which?"));
  }
  group.stop();
  std::size_t heard = 0;
  std::size_t used = 0;
  for (std::size_t i = 0; i < shards; ++i) {
    const std::size_t before = heard;
    Address sender;
    while (!group.shard(i).is_over()) {
      EXPECT_EQ(receive_from(group.shard(i), sender), "which?");
      ++heard;
    }
    if (heard > before) ++used;
  }
  EXPECT_EQ(heard, is_local() ? 8u : 100u);
  EXPECT_EQ(used, is_local() ? 1u : shards) << "the kernel deals out by a hash";
}

TEST(DatagramConnect, NamesThePathWhereNobodyListens) {
  const Folder folder;
  const std::string where = "unixgram://" + folder.file("none");
  const std::string said = failure([&] { connect_to(Endpoint::parse(where)); });
  EXPECT_TRUE(contains(said, where)) << said;
}

TEST(DatagramConnect, TakesTheAddressOfSeveralThatIsThere) {
  Listener listener(Endpoint::parse("udp://127.0.0.1:0"));
  Endpoint named = listener.endpoint();
  named.host = "localhost";
  const Fd client = connect_to(named);
  ASSERT_TRUE(say(client, "found"));
  Address sender;
  std::string heard;
  for (int i = 0; i < 2 && heard.empty(); ++i) heard = receive_from(listener, sender);
  EXPECT_EQ(heard, "found");
}

TEST(UnixDatagramListener, IsForItsOwnerAndTakesItsPathAway) {
  const Folder folder;
  const Endpoint endpoint = Endpoint::parse("unixgram://" + folder.file("echo.sock"));
  {
    Listener listener(endpoint);
    struct stat found {};
    ASSERT_EQ(::lstat(endpoint.path.c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777, mode_t{0600});
  }
  EXPECT_FALSE(std::filesystem::exists(endpoint.path));
}

TEST(UnixDatagramListener, ReplacesAStaleSocketAndNeverALiveStream) {
  const Folder folder;
  const Endpoint endpoint = Endpoint::parse("unixgram://" + folder.file("echo.sock"));
  {
    const Fd dead(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const Address address = resolve(endpoint).at(0);
    ASSERT_EQ(::bind(dead.get(), address.get(), address.size), 0);
  }
  ASSERT_TRUE(std::filesystem::exists(endpoint.path));
  { Listener listener(endpoint); }
  Listener stream(folder.endpoint());
  EXPECT_NE(failure([&] { Listener second(endpoint); }), "");
  const Fd here = connect_to(folder.endpoint());
  EXPECT_TRUE(stream.accept());
}

// --- many who wait

TEST(Listener, AcceptsWhoWaitsWithoutBlockingForMore) {
  Listener listener(any_port());
  listener.non_blocking();
  std::vector<Fd> clients;
  const auto admit = [&](Fd fd) { clients.push_back(std::move(fd)); };
  EXPECT_TRUE(listener.accept_waiting(admit));
  EXPECT_TRUE(clients.empty());
  std::vector<Fd> here;
  for (int i = 0; i < 3; ++i) here.push_back(connect_to(listener.endpoint()));
  EXPECT_TRUE(listener.accept_waiting(admit));
  EXPECT_EQ(clients.size(), 3U);
  for (const Fd& client : clients)
    EXPECT_NE(::fcntl(client.get(), F_GETFL) & O_NONBLOCK, 0);
}

TEST(Listener, AcceptsABoundedNumberAtATime) {
  Listener listener(any_port());
  listener.non_blocking();
  std::vector<Fd> here;
  for (int i = 0; i < 100; ++i) here.push_back(connect_to(listener.endpoint()));
  std::size_t first = 0;
  EXPECT_TRUE(listener.accept_waiting([&](Fd) { ++first; }));
  EXPECT_GE(first, 1U);
  EXPECT_LT(first, here.size()) << "a storm of connects must not starve the others";
  std::size_t rest = 0;
  EXPECT_TRUE(listener.accept_waiting([&](Fd) { ++rest; }));
  EXPECT_EQ(first + rest, here.size());
}

TEST(Listener, ThatIsClosedInAChildLeavesThePathToItsMaker) {
  const Folder folder;
  Listener listener(folder.endpoint());
  const pid_t child = ::fork();
  if (child == 0) {
    listener.close_in_child();
    listener.~Listener();
    ::_exit(0);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  const Fd here = connect_to(folder.endpoint());
  EXPECT_TRUE(listener.accept());
}

}  // namespace
}  // namespace echolab
