// The client's side of the protocol without a socket: no damage to the stream of replies
// goes unseen, wherever it falls and however the stream is cut.

#include "clients/echo_caller.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

#include "common/echo.hpp"
#include "tests/memory_wire.hpp"

namespace echolab {
namespace {

using Memory = std::vector<std::byte>;

constexpr std::uint64_t piece = 64 * 1024;  // of the pattern
constexpr std::uint64_t message = 96;

const Pattern& pattern() {
  static const Pattern one(7);
  return one;
}

Memory stream(const Pattern& source, std::uint64_t connection, std::uint64_t from,
              std::size_t size) {
  Memory bytes;
  while (bytes.size() < size) {
    const Bytes part = source.at(connection, from + bytes.size());
    const std::size_t n = std::min(part.size(), size - bytes.size());
    bytes.insert(bytes.end(), part.begin(),
                 part.begin() + static_cast<std::ptrdiff_t>(n));
  }
  return bytes;
}

/// Appends to the replies what becomes of the byte that is `position` bytes into them.
using Damage =
    std::function<void(Memory& replies, std::byte byte, std::uint64_t position)>;

/// A server that echoes, but not quite.
class WrongEcho {
 public:
  explicit WrongEcho(Damage damage) : damage_(std::move(damage)), memory_(1'000) {}

  [[nodiscard]] Room input() { return memory_; }
  void received(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) damage_(replies_, memory_[i], heard_++);
  }
  [[nodiscard]] Bytes output() const { return Bytes(replies_).subspan(sent_); }
  void sent(std::size_t n) { sent_ += n; }
  [[nodiscard]] bool done() const { return false; }

 private:
  Damage damage_;
  Memory memory_;
  Memory replies_;
  std::uint64_t heard_ = 0;
  std::size_t sent_ = 0;
};

static_assert(Session<WrongEcho>);

/// What a caller knows after a conversation with a server.
struct Outcome {
  bool done;
  bool wrong;
  std::uint64_t verified;
  std::uint64_t unanswered;

  /// All bytes came back, and nothing else.
  [[nodiscard]] bool good() const { return done && !wrong && unanswered == 0; }
};

Outcome outcome_of(const EchoCaller& caller) {
  return {caller.done(), caller.wrong(), caller.verified(), caller.unanswered()};
}

/// One message after `before` bytes that are echoed well, against a damaged echo. The
/// damage's positions count from the message's begin.
Outcome converse_with(const Damage& damage, std::uint64_t before, unsigned seed) {
  Memory memory(512);
  EchoCaller caller(pattern(), 3, memory);
  caller.ask(before);
  WrongEcho server([&](Memory& replies, std::byte byte, std::uint64_t position) {
    if (position < before) return replies.push_back(byte);
    damage(replies, byte, position - before);
  });
  join(caller, server, RandomCuts(seed));
  caller.ask(message);
  caller.finish();
  join(caller, server, RandomCuts(seed));
  return outcome_of(caller);
}

/// Where the message stands: at the begin, and across the border of two pieces.
constexpr std::uint64_t places[] = {0, piece - message / 2};

/// Damage at every byte of the message, at each place, is never taken for a good echo.
void expect_caught_everywhere(const std::function<Damage(std::uint64_t)>& damage_at) {
  for (const std::uint64_t before : places)
    for (std::uint64_t at = 0; at < message; ++at) {
      const Outcome outcome =
          converse_with(damage_at(at), before, static_cast<unsigned>(at));
      ASSERT_FALSE(outcome.good()) << "at " << at << " after " << before;
      ASSERT_LE(outcome.verified, before + message);
    }
}

TEST(EchoCaller, VerifiesEveryByteWhateverTheCut) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    Memory here(1 + seed * 7 % 600);
    Memory there(1 + seed * 13 % 500);
    EchoCaller caller(pattern(), seed, here);
    EchoSession server{there};
    const std::uint64_t bytes = 1 + seed * 101;
    caller.ask(bytes);
    caller.finish();
    join(caller, server, RandomCuts(seed));
    ASSERT_TRUE(outcome_of(caller).good()) << "seed " << seed;
    ASSERT_EQ(caller.verified(), bytes);
  }
}

TEST(EchoCaller, VerifiesAcrossPiecesOneByteAtATime) {
  Memory here(64);
  Memory there(64);
  EchoCaller caller(pattern(), 1, here);
  EchoSession server{there};
  caller.ask(2 * piece + 5);
  caller.finish();
  join(caller, server, Pieces{1});
  EXPECT_TRUE(outcome_of(caller).good());
}

TEST(EchoCaller, SaysNothingUntilItIsAsked) {
  Memory memory(64);
  EchoCaller caller(pattern(), 1, memory);
  EXPECT_TRUE(caller.output().empty());
  EXPECT_FALSE(caller.done());
  caller.ask(10);
  EXPECT_EQ(caller.output().size(), 10u);
  EXPECT_EQ(caller.unanswered(), 10u);
}

TEST(EchoCaller, IsDoneOnlyWhenFinishedAndAnswered) {
  Memory here(64);
  Memory there(64);
  EchoCaller caller(pattern(), 1, here);
  EchoSession server{there};
  caller.ask(40);
  join(caller, server, Uncut());
  EXPECT_FALSE(caller.done());
  caller.finish();
  EXPECT_TRUE(caller.done());
}

TEST(EchoCaller, GoesOnAfterEachAnswer) {
  Memory here(64);
  Memory there(32);
  EchoCaller caller(pattern(), 9, here);
  EchoSession server{there};
  for (std::uint64_t request = 1; request <= 50; ++request) {
    caller.ask(33);
    join(caller, server, RandomCuts(static_cast<unsigned>(request)));
    ASSERT_EQ(caller.verified(), request * 33);
    ASSERT_EQ(caller.unanswered(), 0u);
  }
  EXPECT_FALSE(caller.wrong());
}

TEST(EchoCaller, SeesAFlippedBitAnywhere) {
  for (unsigned bit = 0; bit < 8; ++bit)
    for (const std::uint64_t before : places)
      for (std::uint64_t at = 0; at < message; ++at) {
        const auto flip = [&](Memory& replies, std::byte byte, std::uint64_t position) {
          const auto mask = static_cast<std::byte>(1u << bit);
          replies.push_back(position == at ? byte ^ mask : byte);
        };
        const Outcome outcome = converse_with(flip, before, bit);
        ASSERT_TRUE(outcome.wrong) << "bit " << bit << " of byte " << at;
        ASSERT_LE(outcome.verified, before + at) << "counted a wrong byte as right";
      }
}

TEST(EchoCaller, SeesADroppedByteAnywhere) {
  expect_caught_everywhere([](std::uint64_t at) -> Damage {
    return [at](Memory& replies, std::byte byte, std::uint64_t position) {
      if (position != at) replies.push_back(byte);
    };
  });
}

TEST(EchoCaller, SeesADuplicatedChunkAnywhere) {
  for (const std::ptrdiff_t size : {1, 2, 40})
    expect_caught_everywhere([size](std::uint64_t at) -> Damage {
      return [at, size](Memory& replies, std::byte byte, std::uint64_t position) {
        replies.push_back(byte);
        if (position != at) return;
        const Memory again(replies.end() - std::min(size, std::ssize(replies)),
                           replies.end());
        replies.insert(replies.end(), again.begin(), again.end());
      };
    });
}

TEST(EchoCaller, SeesAByteInsertedAnywhere) {
  expect_caught_everywhere([](std::uint64_t at) -> Damage {
    return [at](Memory& replies, std::byte byte, std::uint64_t position) {
      if (position == at) replies.push_back(std::byte{0});
      replies.push_back(byte);
    };
  });
}

TEST(EchoCaller, SeesTwoNeighboursSwappedAnywhere) {
  const Memory said = stream(pattern(), 3, 0, message);
  for (std::uint64_t at = 0; at + 1 < message; ++at) {
    if (said[at] == said[at + 1]) continue;
    const auto swap = [&](Memory& replies, std::byte byte, std::uint64_t position) {
      replies.push_back(byte);
      if (position == at + 1) std::iter_swap(replies.end() - 1, replies.end() - 2);
    };
    // Uncut, or the first of the two would be gone before the second comes.
    Memory memory(512);
    EchoCaller caller(pattern(), 3, memory);
    caller.ask(message);
    WrongEcho server(swap);
    join(caller, server, Uncut());
    ASSERT_TRUE(caller.wrong()) << at;
  }
}

TEST(EchoCaller, WaitsForATruncatedReply) {
  for (const std::uint64_t before : places)
    for (std::uint64_t kept = 0; kept < message; ++kept) {
      const auto truncate = [&](Memory& replies, std::byte byte, std::uint64_t position) {
        if (position < kept) replies.push_back(byte);
      };
      const Outcome outcome = converse_with(truncate, before, 1);
      ASSERT_FALSE(outcome.done);
      ASSERT_FALSE(outcome.wrong);
      ASSERT_EQ(outcome.verified, before + kept);
      ASSERT_EQ(outcome.unanswered, message - kept);
    }
}

TEST(EchoCaller, SeesBytesAfterTheLastReply) {
  Memory here(64);
  EchoCaller caller(pattern(), 1, here);
  caller.ask(40);
  caller.finish();
  WrongEcho server([](Memory& replies, std::byte byte, std::uint64_t position) {
    replies.push_back(byte);
    if (position == 39) replies.push_back(byte);
  });
  join(caller, server, Pieces{1});
  EXPECT_TRUE(caller.wrong());
  EXPECT_EQ(caller.verified(), 40u);
}

TEST(EchoCaller, SeesAnAnswerBeforeItAsked) {
  Memory memory(64);
  EchoCaller caller(pattern(), 1, memory);
  caller.input()[0] = pattern().at(1, 0)[0];  // even the right byte
  caller.received(1);
  EXPECT_TRUE(caller.wrong());
  EXPECT_EQ(caller.verified(), 0u);
}

TEST(EchoCaller, SeesAnAnswerToWhatIsNotSentYet) {
  Memory memory(64);
  EchoCaller caller(pattern(), 1, memory);
  caller.ask(8);
  caller.sent(4);
  std::ranges::copy(pattern().at(1, 0).first(5), caller.input().begin());
  caller.received(5);
  EXPECT_TRUE(caller.wrong());
}

TEST(EchoCaller, SeesRepliesSwappedBetweenConnections) {
  for (unsigned seed = 0; seed < 100; ++seed) {
    Memory memory(512);
    std::vector<Memory> there(2, Memory(64));
    EchoCaller a(pattern(), 2 * seed, memory);
    EchoCaller b(pattern(), 2 * seed + 1, memory);
    EchoSession for_a{there[0]};
    EchoSession for_b{there[1]};
    RandomCuts cut(seed);
    a.ask(16);
    b.ask(16);
    while (carry(a, for_a, cut) || carry(b, for_b, cut)) {
    }
    while (carry(for_a, b, cut) || carry(for_b, a, cut)) {
    }
    ASSERT_TRUE(a.wrong() && b.wrong()) << "seed " << seed;
  }
}

TEST(EchoCaller, SeesTheReplyToAnEarlierRequest) {
  Memory memory(512);
  EchoCaller caller(pattern(), 3, memory);
  WrongEcho stale([](Memory& replies, std::byte byte, std::uint64_t position) {
    replies.push_back(position < message ? byte : replies[position - message]);
  });
  for (int request = 0; request < 2; ++request) {
    caller.ask(message);
    join(caller, stale, RandomCuts(1));
  }
  EXPECT_TRUE(caller.wrong());
  EXPECT_EQ(caller.verified() / message, 1u);
}

TEST(EchoCaller, CallersThatTakeTurnsShareOneMemory) {
  Memory memory(128);
  std::vector<Memory> there(8, Memory(64));
  std::vector<EchoCaller> callers;
  std::vector<EchoSession> servers;
  for (std::uint64_t i = 0; i < there.size(); ++i) {
    callers.emplace_back(pattern(), i, memory);
    servers.emplace_back(there[i]);
    callers[i].ask(1'000);
    callers[i].finish();
  }
  RandomCuts cut(1);
  const auto all_done = [&] {
    return std::ranges::all_of(callers, [](const auto& one) { return one.done(); });
  };
  while (!all_done())
    for (std::size_t i = 0; i < callers.size(); ++i) {
      carry(callers[i], servers[i], cut);
      carry(servers[i], callers[i], cut);
    }
  for (const EchoCaller& caller : callers) EXPECT_TRUE(outcome_of(caller).good());
}

TEST(Pattern, FollowsFromTheSeedAlone) {
  const Pattern again(7);
  const Pattern other(8);
  for (const std::uint64_t from : {0ul, 5ul, piece - 3, 9 * piece + 1}) {
    EXPECT_TRUE(stream(pattern(), 4, from, 300) == stream(again, 4, from, 300));
    EXPECT_FALSE(stream(pattern(), 4, from, 300) == stream(other, 4, from, 300));
  }
}

TEST(Pattern, OffersAtLeastAByteAndEndsWithThePiece) {
  for (const std::uint64_t position : {0ul, 1ul, piece - 1, piece, 5 * piece - 2})
    EXPECT_EQ(pattern().at(11, position).size(), piece - position % piece);
}

TEST(Pattern, IsTheSameStreamFromWhereverItIsRead) {
  const std::uint64_t from = piece - 100;
  const Memory whole = stream(pattern(), 2, from, 200);
  for (std::size_t skipped = 0; skipped < 200; ++skipped) {
    const Memory rest = stream(pattern(), 2, from + skipped, 200 - skipped);
    ASSERT_TRUE(std::equal(rest.begin(), rest.end(),
                           whole.begin() + static_cast<std::ptrdiff_t>(skipped)));
  }
}

/// Of 20 000 pairs of 16 bytes, how many are equal; one in 2^18 may be.
template <class Other>
int equal_pairs(Other&& other) {
  std::mt19937_64 random(1);
  int equal = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t connection = random() % 100'000;
    const std::uint64_t position = random() % (1ull << 40);
    const auto [c, p] = other(connection, position, random());
    if (stream(pattern(), connection, position, 16) == stream(pattern(), c, p, 16))
      ++equal;
  }
  return equal;
}

TEST(Pattern, ConnectionsDiffer) {
  EXPECT_LE(equal_pairs([](auto connection, auto position, auto random) {
              return std::pair(connection + 1 + random % 1'000, position);
            }),
            2);
}

TEST(Pattern, TimesDiffer) {
  EXPECT_LE(equal_pairs([](auto connection, auto position, auto random) {
              return std::pair(connection, position + 1 + random % (1 << 20));
            }),
            2);
}

TEST(Pattern, NeighbouringBytesOfTwoConnectionsAgreeAsOftenAsChance) {
  constexpr std::size_t size = 1'000'000;
  const Memory a = stream(pattern(), 1, 0, size);
  const Memory b = stream(pattern(), 2, 0, size);
  int equal = 0;
  for (std::size_t i = 0; i < size; ++i) equal += a[i] == b[i] ? 1 : 0;
  EXPECT_NEAR(equal, size / 256.0, 6 * 62.4);  // six standard deviations
}

}  // namespace
}  // namespace echolab
