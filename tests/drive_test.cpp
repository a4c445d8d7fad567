// The drivers of a session, over real sockets: as far as it goes, and not a call more.

#include "common/drive.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <thread>

#include "common/echo.hpp"
#include "common/fd.hpp"
#include "common/listener.hpp"
#include "tests/memory_wire.hpp"

namespace echolab {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Memory = std::vector<std::byte>;

/// Two ends of one connection. `server` is what is driven.
struct Pair {
  Fd client;
  Fd server;
};

Pair unix_pair() {
  std::array<int, 2> fds{};
  checked(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), "socketpair");
  return {Fd(fds[0]), Fd(fds[1])};
}

Pair tcp_pair() {
  Listener listener(Endpoint::parse("tcp://127.0.0.1:0"));
  Fd client = connect_to(listener.endpoint());
  return {std::move(client), listener.accept()};
}

void make_non_blocking(const Fd& fd) {
  const int flags = checked(::fcntl(fd.get(), F_GETFL), "fcntl");
  checked(::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK), "fcntl");
}

void make_send_buffer_tiny(const Fd& fd) {
  const int size = 1;  // the kernel takes its least: socket(7)
  checked(::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size), "SO_SNDBUF");
}

void say(const Fd& fd, Bytes bytes) {
  ASSERT_EQ(transmit(fd.get(), bytes), static_cast<ssize_t>(bytes.size()));
}

/// Up to `size` bytes, as many as come until the peer ends.
Memory hear(const Fd& fd, std::size_t size) {
  Memory bytes(size);
  std::size_t heard = 0;
  while (heard < size) {
    const ssize_t n = receive(fd.get(), Room(bytes).subspan(heard));
    if (n <= 0) break;
    heard += static_cast<std::size_t>(n);
  }
  bytes.resize(heard);
  return bytes;
}

/// The peer resets: it closes with SO_LINGER 0 (socket(7)).
void reset(Fd& fd) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  fd.reset();
}

/// An echo that counts what its driver does: a driver asks for input() once before each
/// receive, and reports each successful one and each successful send.
class CountedEcho {
 public:
  explicit CountedEcho(Room memory) : echo_(memory) {}

  [[nodiscard]] Room input() {
    ++receives;
    return echo_.input();
  }
  void received(std::size_t n) {
    EXPECT_GE(n, 1U);
    EXPECT_LE(n, echo_.input().size());
    ++successful_receives;
    echo_.received(n);
  }
  [[nodiscard]] Bytes output() const { return echo_.output(); }
  void sent(std::size_t n) {
    EXPECT_GE(n, 1U);
    EXPECT_LE(n, echo_.output().size());
    ++successful_sends;
    echo_.sent(n);
  }
  [[nodiscard]] bool done() const { return echo_.done(); }

  int receives = 0;
  int successful_receives = 0;
  int successful_sends = 0;

 private:
  EchoSession echo_;
};

// --- advance: a non-blocking conversation

class Advance : public testing::TestWithParam<bool> {
 protected:
  Advance() { make_non_blocking(pair_.server); }
  Next advance_once() { return advance(pair_.server.get(), session_); }

  Pair pair_ = GetParam() ? unix_pair() : tcp_pair();
  Memory memory_ = Memory(1024);
  CountedEcho session_{memory_};
};
INSTANTIATE_TEST_SUITE_P(Drive, Advance, testing::Bool(),
                         [](const auto& one) { return one.param ? "unix" : "tcp"; });

TEST_P(Advance, WaitsForASilentPeerWithOneCall) {
  EXPECT_EQ(advance_once(), Next::readable);
  EXPECT_EQ(session_.receives, 1);
  EXPECT_EQ(session_.successful_receives, 0);
}

TEST_P(Advance, ServesAMessageWithOneReceiveAndOneSend) {
  const Memory words = noise(64);
  say(pair_.client, words);
  EXPECT_EQ(advance_once(), Next::readable);
  EXPECT_EQ(session_.receives, 1) << "a short receive has emptied the socket";
  EXPECT_EQ(session_.successful_sends, 1);
  EXPECT_EQ(hear(pair_.client, words.size()), words);
}

TEST_P(Advance, AsksAgainAfterAReceiveThatFilledItsRoom) {
  const Memory words = noise(memory_.size());
  say(pair_.client, words);
  EXPECT_EQ(advance_once(), Next::readable);
  EXPECT_EQ(session_.successful_receives, 1);
  EXPECT_EQ(session_.receives, 2) << "there might have been more";
  EXPECT_EQ(hear(pair_.client, words.size()), words);
}

TEST_P(Advance, TakesAllThatIsThereAcrossManyBuffers) {
  const Memory words = noise(5 * memory_.size() + 7);
  say(pair_.client, words);
  EXPECT_EQ(advance_once(), Next::readable);
  EXPECT_EQ(session_.receives, 6);
  EXPECT_EQ(hear(pair_.client, words.size()), words);
}

TEST_P(Advance, LetsNobodyHoldTheLoopForMoreThan16Buffers) {
  const Memory words = noise(40 * memory_.size());
  say(pair_.client, words);
  Memory back;
  for (int turn = 1; turn <= 3; ++turn) {
    EXPECT_EQ(advance_once(), Next::readable);
    const int so_far = std::min(16 * turn, 40);
    EXPECT_EQ(session_.successful_receives, so_far);
    const Memory part =
        hear(pair_.client, static_cast<std::size_t>(so_far) * 1024 - back.size());
    back.insert(back.end(), part.begin(), part.end());
  }
  EXPECT_EQ(back, words);
}

TEST_P(Advance, SaysClosedWhenThePeerHasEnded) {
  ASSERT_EQ(::shutdown(pair_.client.get(), SHUT_WR), 0);
  EXPECT_EQ(advance_once(), Next::closed);
}

TEST_P(Advance, AnswersEverythingBeforeItSeesTheEnd) {
  const Memory words = noise(3000);
  say(pair_.client, words);
  ASSERT_EQ(::shutdown(pair_.client.get(), SHUT_WR), 0);
  Next next = Next::readable;
  while (next == Next::readable) next = advance_once();
  EXPECT_EQ(next, Next::closed);
  pair_.server.reset();
  EXPECT_EQ(hear(pair_.client, 2 * words.size()), words);
}

TEST_P(Advance, SurvivesAPeerThatIsGoneWithItsReplyUnsent) {
  say(pair_.client, noise(10));
  std::array<std::byte, 10> some{};
  ASSERT_EQ(receive(pair_.server.get(), some), 10);
  std::copy(some.begin(), some.end(), session_.input().begin());
  session_.received(some.size());
  pair_.client.reset();
  Next next = advance_once();  // TCP may learn of it only by this send: EPIPE comes next
  if (next != Next::closed) next = advance_once();
  EXPECT_EQ(next, Next::closed) << "and no SIGPIPE ended this test";
}

TEST_P(Advance, SaysClosedAfterAReset) {
  say(pair_.server, noise(1));  // unread at the peer: a Unix socket then resets as well
  reset(pair_.client);
  EXPECT_EQ(advance_once(), Next::closed);
}

TEST_P(Advance, StopsReadingFromAPeerThatDoesNotTakeItsReplies) {
  make_send_buffer_tiny(pair_.server);
  make_non_blocking(pair_.client);
  const Memory words = noise(64 * 1024);
  std::size_t said = 0;
  Next next = Next::readable;
  for (int i = 0; i < 10'000 && next == Next::readable; ++i) {
    const ssize_t n = transmit(pair_.client.get(), Bytes(words).first(1024));
    if (n > 0) said += static_cast<std::size_t>(n);
    next = advance_once();
  }
  ASSERT_EQ(next, Next::writable) << "after " << said << " bytes";
  EXPECT_FALSE(session_.output().empty());
  const int receives = session_.receives;
  EXPECT_EQ(advance_once(), Next::writable);
  EXPECT_EQ(session_.receives, receives) << "no receive while something is owed";
}

TEST_P(Advance, SendsInPartsThroughATinySendBufferWithoutLossOrDisorder) {
  make_send_buffer_tiny(pair_.server);
  Memory large(256 * 1024);
  CountedEcho session{large};
  const Memory words = noise(200 * 1024);
  std::thread talker([&] { say(pair_.client, words); });
  Memory back;
  bool waited_to_write = false;
  std::array<std::byte, 4096> room{};
  const auto deadline = Clock::now() + 30s;
  while (back.size() < words.size() && Clock::now() < deadline) {
    const Next next = advance(pair_.server.get(), session);
    ASSERT_NE(next, Next::closed);
    waited_to_write = waited_to_write || next == Next::writable;
    const ssize_t n = ::recv(pair_.client.get(), room.data(), room.size(), MSG_DONTWAIT);
    if (n > 0) back.insert(back.end(), room.data(), room.data() + n);
  }
  talker.join();
  EXPECT_TRUE(back == words);
  EXPECT_TRUE(waited_to_write) << "or this test has shown nothing";
  EXPECT_GT(session.successful_sends, 1);
}

TEST_P(Advance, ClosesAsSoonAsADoneSessionHasSentAll) {
  /// Says good-bye and is done.
  struct Farewell {
    Memory words = noise(20);
    std::size_t said = 0;
    Memory memory = Memory(8);
    [[nodiscard]] Room input() { return memory; }
    void received(std::size_t) {}
    [[nodiscard]] Bytes output() const { return Bytes(words).subspan(said); }
    void sent(std::size_t n) { said += n; }
    [[nodiscard]] bool done() const { return true; }
  } farewell;
  EXPECT_EQ(advance(pair_.server.get(), farewell), Next::closed);
  EXPECT_EQ(hear(pair_.client, farewell.words.size()), farewell.words);
}

TEST(Drive, TakesADescriptorThatIsNoSocketForAClosedPeer) {
  Memory memory(16);
  EchoSession session{memory};
  EXPECT_EQ(advance(-1, session), Next::closed);
}

// --- converse: a blocking conversation

class Converse : public testing::TestWithParam<bool> {
 protected:
  /// Serves `pair_.server` to its end in a thread, and then closes it.
  std::thread serve(std::chrono::nanoseconds silence = {}) {
    return std::thread([this, silence] {
      converse(pair_.server.get(), EchoSession(memory_), silence);
      pair_.server.reset();
    });
  }

  Pair pair_ = GetParam() ? unix_pair() : tcp_pair();
  Memory memory_ = Memory(1024);
};
INSTANTIATE_TEST_SUITE_P(Drive, Converse, testing::Bool(),
                         [](const auto& one) { return one.param ? "unix" : "tcp"; });

TEST_P(Converse, EchoesUntilThePeerEnds) {
  std::thread server = serve();
  for (unsigned i = 0; i < 100; ++i) {
    const Memory words = noise(1 + i * 37, i);
    say(pair_.client, words);
    EXPECT_EQ(hear(pair_.client, words.size()), words);
  }
  ASSERT_EQ(::shutdown(pair_.client.get(), SHUT_WR), 0);
  EXPECT_TRUE(hear(pair_.client, 1).empty());
  server.join();
}

TEST_P(Converse, AnswersEverythingToAPeerThatHalfCloses) {
  const Memory words = noise(10'000);
  say(pair_.client, words);
  ASSERT_EQ(::shutdown(pair_.client.get(), SHUT_WR), 0);
  std::thread server = serve();
  EXPECT_EQ(hear(pair_.client, 2 * words.size()), words);
  server.join();
}

TEST_P(Converse, SendsInPartsThroughATinySendBuffer) {
  make_send_buffer_tiny(pair_.server);
  memory_.resize(256 * 1024);
  std::thread server = serve();
  const Memory words = noise(1024 * 1024);
  std::thread talker([&] {
    for (Bytes rest = words; !rest.empty();) {
      const ssize_t n = transmit(pair_.client.get(), rest);
      ASSERT_GT(n, 0);
      rest = rest.subspan(static_cast<std::size_t>(n));
    }
    ::shutdown(pair_.client.get(), SHUT_WR);
  });
  EXPECT_TRUE(hear(pair_.client, 2 * words.size()) == words);
  talker.join();
  server.join();
}

TEST_P(Converse, EndsWhenThePeerResets) {
  std::thread server = serve();
  say(pair_.client, noise(100));
  reset(pair_.client);
  server.join();
}

TEST_P(Converse, WithoutALimitWaitsForASilentPeer) {
  std::atomic<bool> over{false};
  std::thread server([&] {
    converse(pair_.server.get(), EchoSession(memory_));
    over = true;
  });
  std::this_thread::sleep_for(100ms);
  EXPECT_FALSE(over);
  pair_.client.reset();
  server.join();
}

TEST_P(Converse, EndsWithAPeerThatIsSilentForTooLong) {
  const auto start = Clock::now();
  converse(pair_.server.get(), EchoSession(memory_), 150ms);
  const auto took = Clock::now() - start;
  EXPECT_GE(took, 140ms);
  EXPECT_LT(took, 10s);
}

TEST_P(Converse, IsPatientWithAPeerThatSpeaksNowAndThen) {
  std::thread server = serve(400ms);
  for (int i = 0; i < 8; ++i) {
    std::this_thread::sleep_for(80ms);  // 640 ms in all: more than the limit
    const Memory words = noise(3);
    say(pair_.client, words);
    EXPECT_EQ(hear(pair_.client, words.size()), words);
  }
  pair_.client.reset();
  server.join();
}

TEST_P(Converse, EndsWithAPeerThatTakesNoReplyForTooLong) {
  make_send_buffer_tiny(pair_.server);
  make_non_blocking(pair_.client);
  std::atomic<bool> over{false};
  std::thread server([&] {
    converse(pair_.server.get(), EchoSession(memory_), 200ms);
    over = true;
  });
  const Memory words = noise(4096);
  const auto deadline = Clock::now() + 30s;
  while (!over && Clock::now() < deadline) {  // speaks on, and never listens
    if (transmit(pair_.client.get(), words) < 0) std::this_thread::sleep_for(5ms);
  }
  EXPECT_TRUE(over);
  pair_.client.reset();
  server.join();
}

TEST_P(Converse, IsNotEndedByASignal) {
  struct sigaction quiet {};
  struct sigaction before {};
  quiet.sa_handler = [](int) {};  // no SA_RESTART: each wait fails with EINTR
  ASSERT_EQ(::sigaction(SIGUSR1, &quiet, &before), 0);
  std::thread server = serve();
  for (unsigned i = 0; i < 50; ++i) {
    ::pthread_kill(server.native_handle(), SIGUSR1);
    const Memory words = noise(500, i);
    say(pair_.client, words);
    ::pthread_kill(server.native_handle(), SIGUSR1);
    EXPECT_EQ(hear(pair_.client, words.size()), words);
  }
  pair_.client.reset();
  server.join();
  ::sigaction(SIGUSR1, &before, nullptr);
}

}  // namespace
}  // namespace echolab
