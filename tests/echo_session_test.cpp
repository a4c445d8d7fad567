// The echo protocol without a socket: whatever the cut, every byte comes back in order.

#include "common/echo.hpp"

#include <gtest/gtest.h>

#include <array>

#include "tests/memory_wire.hpp"

namespace echolab {
namespace {

using Memory = std::vector<std::byte>;

/// Puts `bytes` into the session, which must have room for them.
void feed(EchoSession& session, Bytes bytes) {
  const Room room = session.input();
  ASSERT_GE(room.size(), bytes.size());
  std::copy(bytes.begin(), bytes.end(), room.begin());
  session.received(bytes.size());
}

/// Takes up to `most` bytes out of the session.
Memory take(EchoSession& session, std::size_t most) {
  const Bytes out = session.output();
  const std::size_t n = std::min(most, out.size());
  Memory taken(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(n));
  if (n > 0) session.sent(n);
  return taken;
}

/// Everything that `talker` said came back, and the server owes nothing.
void expect_whole_echo(const Talker& talker, const EchoSession& server) {
  EXPECT_TRUE(talker.done());
  EXPECT_TRUE(talker.output().empty());
  EXPECT_TRUE(talker.heard() == talker.words());
  EXPECT_TRUE(server.output().empty());
}

TEST(EchoSession, HasNothingToSayUntilItIsSpokenTo) {
  Memory memory(8);
  EchoSession session{memory};
  EXPECT_TRUE(session.output().empty());
  EXPECT_EQ(session.input().size(), memory.size());
  EXPECT_FALSE(session.done());
}

TEST(EchoSession, UsesNoMemoryButTheLent) {
  Memory memory(8);
  EchoSession session{memory};
  EXPECT_EQ(session.input().data(), memory.data());
  feed(session, noise(3));
  EXPECT_EQ(session.output().data(), memory.data());
  EXPECT_EQ(session.input().data(), memory.data() + 3);
}

TEST(EchoSession, OwesWhatItReceivedUntilItIsSent) {
  Memory memory(8);
  EchoSession session{memory};
  const Memory words = noise(5);
  feed(session, words);
  EXPECT_TRUE(std::ranges::equal(session.output(), words));
  session.sent(2);
  EXPECT_TRUE(std::ranges::equal(session.output(), std::span(words).subspan(2)));
  session.sent(3);
  EXPECT_TRUE(session.output().empty());
}

TEST(EchoSession, OffersNoInputWhenItsMemoryIsFullOfDebt) {
  Memory memory(8);
  EchoSession session{memory};
  feed(session, noise(8));
  EXPECT_TRUE(session.input().empty());
}

TEST(EchoSession, HasAllItsMemoryAgainOnceNothingIsOwed) {
  Memory memory(8);
  EchoSession session{memory};
  for (int round = 0; round < 3; ++round) {
    feed(session, noise(8));
    session.sent(7);
    EXPECT_TRUE(session.input().empty()) << "it must not write over what is owed";
    session.sent(1);
    EXPECT_EQ(session.input().size(), memory.size());
  }
}

TEST(EchoSession, TakesMoreWhileItStillOwes) {
  Memory memory(8);
  EchoSession session{memory};
  const Memory words = noise(8);
  feed(session, std::span(words).first(5));
  session.sent(4);
  feed(session, std::span(words).subspan(5));
  EXPECT_TRUE(std::ranges::equal(session.output(), std::span(words).subspan(4)));
}

TEST(EchoSession, IsNeverDoneByItself) {
  Memory memory(4);
  EchoSession session{memory};
  feed(session, noise(4));
  session.sent(4);
  EXPECT_FALSE(session.done()) << "the peer ends an echo";
}

TEST(EchoSession, EchoesAStreamThatIsCutAtAnyOffset) {
  constexpr std::size_t size = 200;
  for (std::size_t offset = 0; offset <= 2 * size; ++offset) {
    SCOPED_TRACE(offset);
    Memory memory(64);
    EchoSession server{memory};
    Talker talker(noise(size), 48);
    join(talker, server, CutAt{offset});
    expect_whole_echo(talker, server);
  }
}

TEST(EchoSession, EchoesAStreamThatComesOneByteAtATime) {
  Memory memory(64);
  EchoSession server{memory};
  Talker talker(noise(1000), 1);
  join(talker, server, Pieces{1});
  expect_whole_echo(talker, server);
}

TEST(EchoSession, EchoesWithAnyMemoryFrom1To64Bytes) {
  for (std::size_t size = 1; size <= 64; ++size) {
    SCOPED_TRACE(size);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, size, size + 1}) {
      Memory memory(size);
      EchoSession server{memory};
      Talker talker(noise(500), 16);
      join(talker, server, Pieces{piece});
      expect_whole_echo(talker, server);
    }
  }
}

TEST(EchoSession, SendsPartiallyAtEverySizeWithoutLossOrDisorder) {
  constexpr std::size_t size = 32;
  const Memory words = noise(size);
  for (std::size_t part = 1; part <= size; ++part) {
    Memory memory(size);
    EchoSession session{memory};
    feed(session, words);
    Memory back;
    while (!session.output().empty()) {
      const Memory taken = take(session, part);
      back.insert(back.end(), taken.begin(), taken.end());
    }
    EXPECT_TRUE(back == words) << "in parts of " << part;
  }
}

TEST(EchoSession, EchoesUnderRandomCuts) {
  for (unsigned seed = 0; seed < 500; ++seed) {
    SCOPED_TRACE(seed);
    Memory memory(1 + seed % 97);
    EchoSession server{memory};
    Talker talker(noise(2000, seed), 1 + seed % 53);
    join(talker, server, RandomCuts(seed));
    expect_whole_echo(talker, server);
  }
}

TEST(EchoSession, KeepsAnyInterleavingOfFeedingAndTakingInOrder) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    Memory memory(1 + random() % 40);
    EchoSession session{memory};
    const Memory words = noise(600, seed);
    Memory back;
    for (std::size_t said = 0; back.size() < words.size();) {
      const std::size_t room = session.input().size();
      const std::size_t n = std::min({room, words.size() - said, random() % 9});
      if (n > 0) feed(session, std::span(words).subspan(said, n));
      said += n;
      const Memory taken = take(session, random() % 9);
      back.insert(back.end(), taken.begin(), taken.end());
    }
    EXPECT_TRUE(back == words) << "seed " << seed;
  }
}

TEST(EchoSession, ReadsNothingFromAPeerThatTakesNothing) {
  Memory memory(16);
  EchoSession server{memory};
  Talker deaf(noise(100), 0);
  join(deaf, server, Uncut{});
  EXPECT_EQ(deaf.output().size(), 100 - memory.size());
  EXPECT_TRUE(server.input().empty());
}

TEST(EchoSession, EchoesEveryValueOfAByte) {
  Memory words(256);
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = static_cast<std::byte>(i);
  Memory memory(10);
  EchoSession server{memory};
  Talker talker(words, 10);
  join(talker, server, Uncut{});
  expect_whole_echo(talker, server);
}

TEST(EchoSession, IsMadeByTheProtocolInsideTheLentMemory) {
  std::array<std::byte, 12> memory{};
  auto session = Echo{}.serve(memory);
  EXPECT_EQ(session.input().data(), memory.data());
  EXPECT_EQ(session.input().size(), memory.size());
}

// The wire itself: a test with it is worth as much as the wire is.

/// A server with a fault: it swaps the first two bytes of each reply of two or more.
class Swapper {
 public:
  explicit Swapper(Room memory) : echo_(memory) {}
  [[nodiscard]] Room input() { return echo_.input(); }
  void received(std::size_t n) {
    if (n > 1) std::swap(echo_.input()[0], echo_.input()[1]);
    echo_.received(n);
  }
  [[nodiscard]] Bytes output() const { return echo_.output(); }
  void sent(std::size_t n) { echo_.sent(n); }
  [[nodiscard]] bool done() const { return false; }

 private:
  EchoSession echo_;
};

TEST(MemoryWire, ShowsAServerThatChangesTheOrder) {
  Memory memory(16);
  Swapper server{memory};
  Talker talker(noise(64), 16);
  join(talker, server, Pieces{4});
  EXPECT_TRUE(talker.done());
  EXPECT_FALSE(talker.heard() == talker.words());
}

TEST(MemoryWire, CutsWhereItIsTold) {
  CutAt cut{5};
  EXPECT_EQ(cut(3), 3U);
  EXPECT_EQ(cut(9), 2U);
  EXPECT_EQ(cut(9), 9U);
  EXPECT_EQ(Pieces{4}(3), 3U);
  EXPECT_EQ(Pieces{4}(9), 4U);
}

TEST(MemoryWire, CutsRandomlyInEverySizeAndRepeatably) {
  std::array<int, 6> seen{};
  RandomCuts one(7);
  RandomCuts other(7);
  for (int i = 0; i < 1000; ++i) {
    const std::size_t n = one(5);
    EXPECT_EQ(n, other(5));
    ++seen.at(n);
  }
  for (const int times : seen) EXPECT_GT(times, 0);
}

TEST(MemoryWire, StopsWhenBothSidesWait) {
  Talker one({}, 8);
  Talker other({}, 8);
  join(one, other, Uncut{});
  EXPECT_TRUE(one.heard().empty());
}

}  // namespace
}  // namespace echolab
