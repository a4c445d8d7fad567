// The work protocol without a socket, and without work: whatever the cut, whole frames
// are done and come back in order, and a frame that breaks the rules ends the talk.

#include "common/work.hpp"

#include <gtest/gtest.h>

#include <string>

#include "clients/work_caller.hpp"
#include "tests/memory_wire.hpp"

namespace echolab {
namespace {

using Memory = std::vector<std::byte>;
using Reason = Refusal::Reason;

/// What was asked for, instead of doing it.
struct Ledger {
  std::vector<std::uint64_t> computed_us;
  std::vector<std::uint64_t> blocked_us;
  std::vector<Refusal> refusals;
};

struct Recorder {
  Ledger* ledger;

  void compute(Labour::Time time) const {
    ledger->computed_us.push_back(static_cast<std::uint64_t>(time.count()));
  }
  void block(Labour::Time time) const {
    ledger->blocked_us.push_back(static_cast<std::uint64_t>(time.count()));
  }
  void refused(const Refusal& refusal) const { ledger->refusals.push_back(refusal); }
};

/// A server whose labour is written down.
struct Server {
  explicit Server(std::size_t size, WorkLimits limits = {})
      : memory(size), session(memory, limits, Recorder{&ledger}) {}
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Puts in as much of `bytes` as there is room for, and returns how much.
  std::size_t feed(Bytes bytes) {
    const Room room = session.input();
    const std::size_t n = std::min(bytes.size(), room.size());
    std::copy_n(bytes.begin(), n, room.begin());
    if (n > 0) session.received(n);
    return n;
  }
  /// Takes up to `most` bytes of what is owed.
  Memory take(std::size_t most) {
    const Bytes out = session.output();
    const std::size_t n = std::min(most, out.size());
    Memory taken(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(n));
    if (n > 0) session.sent(n);
    return taken;
  }
  Memory take_all() { return take(session.output().size()); }

  Ledger ledger;
  Memory memory;
  WorkSession<Recorder> session;
};

Memory frame(std::size_t payload, std::uint32_t compute_us = 0,
             std::uint32_t block_us = 0, unsigned seed = 1) {
  const auto header =
      WorkHeader{static_cast<std::uint32_t>(payload), compute_us, block_us};
  const auto bytes = header.bytes();
  Memory whole(bytes.begin(), bytes.end());
  const Memory body = noise(payload, seed);
  whole.insert(whole.end(), body.begin(), body.end());
  return whole;
}

Memory operator+(Memory a, const Memory& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// Five frames that differ in every way; 16 + 20, 16, 16 + 1, 16 + 64, 16 + 33.
Memory five_frames() {
  return frame(20, 1, 2, 1) + frame(0, 3, 4, 2) + frame(1, 5, 0, 3) + frame(64, 0, 6, 4) +
         frame(33, 7, 8, 5);
}

void expect_five_done(const Server& server) {
  EXPECT_EQ(server.ledger.computed_us, (std::vector<std::uint64_t>{1, 3, 5, 0, 7}));
  EXPECT_EQ(server.ledger.blocked_us, (std::vector<std::uint64_t>{2, 4, 0, 6, 8}));
  EXPECT_TRUE(server.ledger.refusals.empty());
  EXPECT_FALSE(server.session.done());
}

/// Refused, with this reason and number, and no word of the bad frame.
void expect_refused(Server& server, Reason reason, std::uint64_t given) {
  ASSERT_EQ(server.ledger.refusals.size(), 1U);
  EXPECT_EQ(server.ledger.refusals[0].reason, reason);
  EXPECT_EQ(server.ledger.refusals[0].given, given);
  EXPECT_TRUE(server.session.input().empty());
  EXPECT_TRUE(server.session.output().empty());
  EXPECT_TRUE(server.session.done());
}

TEST(WorkHeader, IsLaidOutAsDrawn) {
  const WorkHeader header{
      .payload_bytes = 0x01020304, .compute_us = 5, .block_us = 0x600};
  const auto bytes = header.bytes();
  const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  EXPECT_EQ(text, std::string("ELW1\1\2\3\4\0\0\0\5\0\0\6\0", 16));
  const WorkHeader read = WorkHeader::of(bytes);
  EXPECT_EQ(read.payload_bytes, header.payload_bytes);
  EXPECT_EQ(read.compute_us, header.compute_us);
  EXPECT_EQ(read.block_us, header.block_us);
}

TEST(WorkSession, HasNothingToSayUntilAFrameIsWhole) {
  Server server(256);
  const Memory words = frame(40, 7, 9);
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    ASSERT_EQ(server.feed(std::span(words).subspan(i, 1)), 1U);
    ASSERT_TRUE(server.session.output().empty()) << "after " << i + 1 << " bytes";
  }
  EXPECT_TRUE(server.ledger.computed_us.empty()) << "worked before the frame was whole";
  server.feed(std::span(words).last(1));
  EXPECT_EQ(server.ledger.computed_us, std::vector<std::uint64_t>{7});
  EXPECT_EQ(server.ledger.blocked_us, std::vector<std::uint64_t>{9});
  EXPECT_TRUE(std::ranges::equal(server.session.output(), words));
  EXPECT_FALSE(server.session.done());
}

TEST(WorkSession, UsesNoMemoryButTheLent) {
  Server server(64);
  EXPECT_EQ(server.session.input().data(), server.memory.data());
  EXPECT_EQ(server.session.input().size(), server.memory.size());
  server.feed(frame(3));
  EXPECT_EQ(server.session.output().data(), server.memory.data());
}

TEST(WorkSession, AnswersAStreamThatIsCutAtAnyOffset) {
  const Memory words = five_frames();
  for (std::size_t offset = 0; offset <= 2 * words.size(); ++offset) {
    SCOPED_TRACE(offset);
    Server server(80);
    Talker talker(words, 48);
    join(talker, server.session, CutAt{offset});
    EXPECT_TRUE(talker.heard() == words);
    expect_five_done(server);
  }
}

TEST(WorkSession, AnswersAStreamThatComesOneByteAtATime) {
  Server server(80);
  Talker talker(five_frames(), 1);
  join(talker, server.session, Pieces{1});
  EXPECT_TRUE(talker.heard() == talker.words());
  expect_five_done(server);
}

TEST(WorkSession, AnswersUnderRandomCutsInAnyMemoryThatHoldsAFrame) {
  for (unsigned seed = 0; seed < 500; ++seed) {
    SCOPED_TRACE(seed);
    Server server(80 + seed % 200);
    Talker talker(five_frames(), 1 + seed % 53);
    join(talker, server.session, RandomCuts(seed));
    ASSERT_TRUE(talker.heard() == talker.words());
    expect_five_done(server);
  }
}

TEST(WorkSession, DoesAllFramesOfOneBreathInOrder) {
  Server server(512);
  const Memory words = five_frames();
  server.feed(words);
  expect_five_done(server);
  EXPECT_TRUE(server.take_all() == words);
}

TEST(WorkSession, KeepsThePartOfTheNextFrame) {
  Server server(100);
  const Memory words = frame(10, 1) + frame(50, 2);
  server.feed(std::span(words).first(26 + 30));
  EXPECT_TRUE(server.take_all() == frame(10, 1));
  EXPECT_EQ(server.session.input().size(), server.memory.size() - 30) << "moved up";
  server.feed(std::span(words).subspan(26 + 30));
  EXPECT_TRUE(server.take_all() == frame(50, 2));
}

TEST(WorkSession, AFrameWithoutPayloadIsAFrame) {
  Server server(WorkHeader::size);
  for (const std::uint32_t us : {1U, 2U, 3U}) {
    server.feed(frame(0, us));
    EXPECT_TRUE(server.take_all() == frame(0, us));
  }
  EXPECT_EQ(server.ledger.computed_us, (std::vector<std::uint64_t>{1, 2, 3}));
}

TEST(WorkSession, TakesAFrameOfExactlyTheLimitAndNotOneByteMore) {
  for (const std::size_t memory : {100U, 300U}) {
    Server good(memory, {.max_frame_bytes = 100});
    good.feed(frame(84));
    EXPECT_TRUE(good.take_all() == frame(84));
    Server bad(memory, {.max_frame_bytes = 100});
    bad.feed(std::span<const std::byte>(frame(85)).first(8));
    expect_refused(bad, Reason::too_long, 101);
    EXPECT_EQ(bad.ledger.refusals[0].limit, 100U);
  }
}

TEST(WorkSession, AFrameThatDoesNotFitTheLentMemoryIsTooLong) {
  Server server(64, {.max_frame_bytes = 1 << 20});
  server.feed(std::span<const std::byte>(frame(49)).first(16));
  expect_refused(server, Reason::too_long, 65);
  EXPECT_EQ(server.ledger.refusals[0].limit, 64U);
}

TEST(WorkSession, RefusesALengthOf4GibibytesAtOnce) {
  Server server(1 << 16);
  const auto header = WorkHeader{.payload_bytes = ~std::uint32_t{0}}.bytes();
  server.feed(Bytes(header).first(7));
  EXPECT_TRUE(server.ledger.refusals.empty());
  server.feed(Bytes(header).subspan(7, 1));
  expect_refused(server, Reason::too_long, (std::uint64_t{1} << 32) + 15);
}

TEST(WorkSession, RefusesTooMuchWorkWithoutWaitingForThePayload) {
  for (const auto& [compute, block, good] : {std::tuple{50U, 50U, true},
                                             {100U, 0U, true},
                                             {0U, 101U, false},
                                             {101U, 0U, false},
                                             {~0U, ~0U, false}}) {
    Server server(256, {.max_work_us = 100});
    const Memory words = frame(30, compute, block);
    server.feed(std::span(words).first(WorkHeader::size));
    if (!good)
      expect_refused(server, Reason::too_much_work, std::uint64_t{compute} + block);
    EXPECT_TRUE(server.ledger.computed_us.empty());
    EXPECT_EQ(server.session.done(), !good);
  }
}

TEST(WorkSession, RefusesWhatIsNoFrameAtItsFourthByte) {
  Server server(256);
  const Memory words = noise(200);
  server.feed(std::span(words).first(3));
  EXPECT_FALSE(server.session.done());
  server.feed(std::span(words).subspan(3, 1));
  expect_refused(server, Reason::no_frame, WorkHeader::number(words, 0));
}

TEST(WorkSession, AnswersTheGoodFramesBeforeABadOneAndNoneAfterIt) {
  const std::vector<std::pair<Memory, Reason>> bad = {
      {frame(1000), Reason::too_long},
      {frame(0, 200'000), Reason::too_much_work},
      {noise(64), Reason::no_frame}};
  const Memory good = five_frames();
  for (const auto& [words, reason] : bad)
    for (std::size_t piece = 1; piece <= good.size() + 20; piece += 7) {
      Server server(512);
      Talker talker(good + words + frame(3), 16);
      join(talker, server.session, Pieces{piece});
      ASSERT_TRUE(talker.heard() == good) << "in pieces of " << piece;
      expect_refused(server, reason, server.ledger.refusals.at(0).given);
      EXPECT_EQ(server.ledger.computed_us.size(), 5U);
    }
}

TEST(WorkSession, IsNotDoneWhileItOwes) {
  Server server(256);
  server.feed(frame(8) + noise(16));
  EXPECT_TRUE(server.session.input().empty()) << "refused: it reads no more";
  for (int i = 0; i < 24; ++i) {
    EXPECT_FALSE(server.session.done());
    EXPECT_EQ(server.take(1).size(), 1U);
  }
  expect_refused(server, Reason::no_frame, WorkHeader::number(noise(16), 0));
}

TEST(WorkSession, ReadsNothingFromAPeerThatTakesNothing) {
  Server server(64);
  const Memory words = frame(10) + frame(10) + frame(10);
  EXPECT_EQ(server.feed(words), 64U);
  EXPECT_TRUE(server.session.input().empty());
  EXPECT_TRUE(server.take(51) == Memory(words.begin(), words.begin() + 51));
  EXPECT_TRUE(server.session.input().empty()) << "it must not move what is owed";
  server.take(1);
  EXPECT_EQ(server.session.input().size(), 52U);
  server.feed(std::span(words).subspan(64));
  EXPECT_TRUE(server.take_all() == frame(10));
}

TEST(WorkSession, SaysInWordsWhyItRefused) {
  EXPECT_EQ(refusal_text({Reason::too_long, 70'000, 16'384}),
            "70000 bytes, --max-frame is 16384");
  EXPECT_EQ(refusal_text({Reason::too_much_work, 2'000'000, 10'000}),
            "2.00 s of work, --max-work is 10.0 ms");
  EXPECT_EQ(refusal_text({Reason::no_frame, 0x68656c6c, WorkHeader::magic}),
            "no frame, it begins with 68656c6c instead of 454c5731");
}

TEST(Labour, ComputesInCpuTimeAndBlocksWithoutAny) {
  const auto cpu_ns = [] {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * 1'000'000'000 + now.tv_nsec;
  };
  const auto begin = std::chrono::steady_clock::now();
  const auto before = cpu_ns();
  Labour::compute(std::chrono::milliseconds(3));
  const auto between = cpu_ns();
  Labour::block(std::chrono::milliseconds(20));
  const auto after = cpu_ns();
  EXPECT_GE(between - before, 3'000'000);
  EXPECT_LT(after - between, 10'000'000) << "it burns CPU while it should sleep";
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(23));
}

// --- the client
// -------------------------------------------------------------------------

const Pattern& pattern() {
  static const Pattern one(7);
  return one;
}

TEST(WorkCaller, VerifiesEveryFrameWhateverTheCut) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    const std::uint64_t payload = seed * 7 % 300;
    const WorkWords words(
        pattern(), {.compute = Labour::Time(3), .block = Labour::Time(4)}, payload, seed);
    const std::uint64_t request = WorkHeader::size + payload;
    Server server(request + seed % 70);
    Memory here(1 + seed * 13 % 500);
    WorkCaller caller(words, seed, here);
    caller.ask(9 * request);
    caller.finish();
    join(caller, server.session, RandomCuts(seed));
    ASSERT_TRUE(caller.done());
    ASSERT_FALSE(caller.wrong());
    ASSERT_EQ(caller.verified(), 9 * request);
    ASSERT_EQ(server.ledger.computed_us, std::vector<std::uint64_t>(9, 3));
    ASSERT_EQ(server.ledger.blocked_us, std::vector<std::uint64_t>(9, 4));
  }
}

TEST(WorkCaller, SaysAWholeRequestAtOnce) {
  const WorkWords words(pattern(), {}, 64, 1);
  Memory memory(256);
  WorkCaller caller(words, 0, memory);
  caller.ask(3 * 80);
  EXPECT_EQ(caller.output().size(), 240U) << "one send for header and payload";
  EXPECT_EQ(WorkHeader::of(caller.output()).payload_bytes, 64U);
}

TEST(WorkCaller, SeesAFlippedBitOfAnyByteOfHeaderOrPayload) {
  const WorkWords words(pattern(), {.compute = Labour::Time(1)}, 20, 1);
  for (std::size_t at = 0; at < 3 * 36; ++at)
    for (unsigned bit = 0; bit < 8; ++bit) {
      Memory memory(256);
      WorkCaller caller(words, 5, memory);
      caller.ask(3 * 36);
      Memory reply(caller.output().begin(), caller.output().end());
      caller.sent(reply.size());
      reply[at] ^= static_cast<std::byte>(1U << bit);
      std::ranges::copy(reply, memory.begin());
      caller.received(reply.size());
      ASSERT_TRUE(caller.wrong()) << "bit " << bit << " of byte " << at;
    }
}

/// Which of the first `count` requests of a connection are heavy.
std::vector<bool> heavy_ones(const WorkWords& words, std::uint64_t connection,
                             int count) {
  Memory memory(1 << 16);
  std::vector<bool> heavy;
  WorkCaller caller(words, connection, memory);
  Server server(1 << 16);
  caller.ask(static_cast<std::uint64_t>(count) * WorkHeader::size);
  join(caller, server.session, Uncut{});
  for (const std::uint64_t us : server.ledger.computed_us) heavy.push_back(us == 1'050);
  return heavy;
}

TEST(WorkCaller, TheSeedSaysWhichRequestsAreHeavyAndTheShareHowMany) {
  const auto words = [](std::uint64_t seed, double share) {
    return WorkWords(pattern(),
                     {.compute = Labour::Time(50),
                      .heavy_share = share,
                      .heavy_compute = Labour::Time(1'000)},
                     0, seed);
  };
  const auto some = heavy_ones(words(1, 0.1), 0, 10'000);
  EXPECT_NEAR(static_cast<double>(std::ranges::count(some, true)), 1'000, 150);
  EXPECT_EQ(heavy_ones(words(1, 0.1), 0, 10'000), some) << "the same seed";
  EXPECT_NE(heavy_ones(words(2, 0.1), 0, 10'000), some) << "another seed";
  EXPECT_NE(heavy_ones(words(1, 0.1), 1, 10'000), some) << "another connection";
  EXPECT_EQ(std::ranges::count(heavy_ones(words(1, 0), 0, 500), true), 0);
  EXPECT_EQ(std::ranges::count(heavy_ones(words(1, 1), 0, 500), true), 500);
}

}  // namespace
}  // namespace echolab
