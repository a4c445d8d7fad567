// What came instead of a right reply is named, wherever the stream of it is cut.

#include "clients/wrong_bytes.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "clients/http_caller.hpp"
#include "clients/work_caller.hpp"

namespace echolab {
namespace {

using Memory = std::vector<std::byte>;

constexpr std::uint64_t message = 96;
constexpr std::uint64_t me = 3;
constexpr std::uint64_t requests = 4;  ///< that are outstanding, one after the other

const Pattern& pattern() {
  static const Pattern one(7);
  return one;
}
const WorkWords& work() {
  static const WorkWords words(pattern(), {}, message - WorkHeader::size, 1);
  return words;
}

template <class Words>
Memory stream(const Words& words, std::uint64_t connection, std::uint64_t from,
              std::size_t size) {
  Memory bytes;
  while (bytes.size() < size) {
    const Bytes part = words.at(connection, from + bytes.size(), size - bytes.size());
    bytes.insert(bytes.end(), part.begin(), part.end());
  }
  return bytes;
}

/// The requests `first` … of a connection, `n` of them.
std::vector<RequestPlace> places(std::uint64_t connection, std::uint64_t first,
                                 std::uint64_t n) {
  std::vector<RequestPlace> all;
  for (std::uint64_t k = first; k < first + n; ++k)
    all.push_back({connection, k, k * message});
  return all;
}

/// What a caller says of replies that come in two pieces, of which the first has `cut`
/// bytes. It has asked for a hundred messages and had them, and asks for `requests` more.
template <class Words>
std::optional<Fault> fault_of(const Words& words, const Memory& replies,
                              std::size_t cut) {
  constexpr std::uint64_t before = 100 * message;
  Memory memory(64 * 1024);
  Caller<Words> caller(words, me, memory);
  caller.ask(before);
  caller.sent(before);
  const auto hear = [&](const Memory& bytes) {
    if (bytes.empty() || caller.wrong()) return;
    std::ranges::copy(bytes, memory.begin());
    caller.received(bytes.size());
  };
  hear(stream(words, me, 0, before));
  caller.ask(requests * message);
  caller.sent(requests * message);
  const auto middle = replies.begin() + static_cast<std::ptrdiff_t>(cut);
  hear(Memory(replies.begin(), middle));
  hear(Memory(middle, replies.end()));
  if (!caller.wrong()) return std::nullopt;
  const auto own = places(me, 95, 5 + requests);
  std::vector<RequestPlace> others;
  for (const std::uint64_t other : {1u, 2u, 4u, 5u})
    std::ranges::copy(places(other, 90 + other, 8), std::back_inserter(others));
  return caller.fault({own, others});
}

/// Of the right replies, makes those that a wrong server sends.
using Damage = std::function<void(Memory& replies)>;

/// Damages at each place of a reply that is cut at each place. Fewer than 4 bytes of
/// evidence tell nothing: then it may be called altered. `chance`: the share of the
/// others that may be called otherwise, since two places of the pattern agree by chance.
template <class Words>
void expect_named(const Words& words, Wrong kind,
                  const std::function<Damage(std::size_t at)>& damage_at,
                  double chance = 0.02) {
  const Memory right = stream(words, me, 100 * message, requests * message);
  int named = 0;
  int misnamed = 0;
  for (std::size_t at = 0; at < message; ++at)
    for (std::size_t cut = 0; cut < 2 * message; cut += 5) {
      Memory replies = right;
      damage_at(at)(replies);
      const auto fault = fault_of(words, replies, std::min(cut, replies.size()));
      ASSERT_TRUE(fault.has_value()) << at << " cut at " << cut;
      ASSERT_NE(fault->text.find("connection 3"), std::string::npos) << fault->text;
      if (fault->kind == kind)
        ++named;
      else if (fault->kind != Wrong::altered || cut < at || cut >= at + 8)
        ++misnamed;
    }
  EXPECT_LE(misnamed, chance * (named + misnamed)) << named << " were named";
}

auto place(Memory& bytes, std::size_t at) {
  return bytes.begin() + static_cast<std::ptrdiff_t>(at);
}

/// Bytes that are missing, too many, or nobody's.
template <class Words>
void expect_bytes_named(const Words& words) {
  SCOPED_TRACE("bytes");
  expect_named(words, Wrong::altered, [](std::size_t at) -> Damage {
    return [at](Memory& replies) { replies[at] ^= std::byte{64}; };
  });
  expect_named(words, Wrong::dropped, [](std::size_t at) -> Damage {
    return [at](Memory& replies) {
      replies.erase(place(replies, at), place(replies, at + 40));
    };
  });
  expect_named(words, Wrong::duplicated, [](std::size_t at) -> Damage {
    return [at](Memory& replies) {
      const Memory part(place(replies, at), place(replies, at + 40));
      replies.insert(place(replies, at + 40), part.begin(), part.end());
    };
  });
  expect_named(words, Wrong::unasked, [](std::size_t at) -> Damage {
    return [at](Memory& replies) { replies.insert(replies.end(), 8 + at, {}); };
  });
}

/// A whole reply in the place of another.
template <class Words>
void expect_replies_named(const Words& words) {
  SCOPED_TRACE("replies");
  const auto put = [&words](std::uint64_t connection, std::uint64_t number) -> Damage {
    return [&words, connection, number](Memory& replies) {
      std::ranges::copy(stream(words, connection, number * message, message),
                        replies.begin());
    };
  };
  expect_named(words, Wrong::duplicated,
               [&](std::size_t at) { return put(me, 95 + at % 5); });
  expect_named(words, Wrong::swapped,
               [&](std::size_t at) { return put(2, 92 + at % 8); });
}

TEST(WrongBytes, AreNamedWhereverTheyAreCut) {
  expect_bytes_named(pattern());
  expect_replies_named(pattern());
}

TEST(WrongBytes, OfFramesAreNamedWhereverTheyAreCut) {
  expect_bytes_named(work());
  expect_replies_named(work());
}

Fault uncut(const Damage& damage) {
  Memory replies = stream(pattern(), me, 100 * message, requests * message);
  damage(replies);
  return fault_of(pattern(), replies, 0).value_or(Fault{Wrong::altered, "none"});
}

TEST(WrongBytes, TheTextSaysWhichReplyWhereAndWhat) {
  const std::byte right = stream(pattern(), me, 101 * message + 7, 1)[0];
  const Fault altered =
      uncut([](Memory& replies) { replies[message + 7] ^= std::byte{1}; });
  EXPECT_EQ(
      altered.text,
      fmt::format("connection 3, reply 101, byte 7: {:#04x} instead of {:#04x}, and "
                  "1 of 89 bytes altered",
                  static_cast<unsigned>(right) ^ 1u, static_cast<unsigned>(right)));
  const Fault again = uncut([](Memory& replies) {
    std::ranges::copy(stream(pattern(), me, 98 * message, message), replies.begin());
  });
  EXPECT_EQ(again.text, "connection 3, reply 100, byte 0: the bytes of reply 98 again");
  const Fault swapped = uncut([](Memory& replies) {
    std::ranges::copy(stream(pattern(), 5, 96 * message, message), replies.begin());
  });
  EXPECT_EQ(swapped.text,
            "connection 3, reply 100, byte 0: the bytes of connection 5, reply 96");
  const Fault dropped = uncut(
      [](Memory& replies) { replies.erase(replies.begin(), replies.begin() + message); });
  EXPECT_EQ(
      dropped.text,
      "connection 3, reply 100, byte 0: the bytes of reply 101; 96 bytes are missing");
  const Fault inserted = uncut([](Memory& replies) {
    replies.insert(replies.begin() + 10, 3, std::byte{0xee});
    replies.resize(replies.size() - 3);
  });
  EXPECT_EQ(
      inserted.text,
      "connection 3, reply 100, byte 10: 3 bytes that nobody asked for, and then the "
      "right ones");
}

TEST(WrongBytes, OfAConnectionThatIsNotKnownAreSwappedAllTheSame) {
  const Fault fault = uncut([](Memory& replies) {
    std::ranges::copy(stream(pattern(), 77, 1'000'000, message), replies.begin());
  });
  EXPECT_EQ(fault.kind, Wrong::swapped);
  EXPECT_NE(fault.text.find("bytes of another connection, or of another time"),
            std::string::npos)
      << fault.text;
}

TEST(WrongBytes, ThatNobodySaidAreAltered) {
  const Fault fault =
      uncut([](Memory& replies) { std::ranges::fill(replies, std::byte{'x'}); });
  EXPECT_EQ(fault.kind, Wrong::altered);
}

/// A caller of HTTP that asks for two bodies of 64 B, and hears `replies`.
Fault http_fault(const std::function<std::string(const std::string& first_body,
                                                 const std::string& other_body)>& reply) {
  const HttpWords words(pattern(), 64, "localhost");
  Memory memory(4'096);
  HttpCaller caller(words, me, memory);
  caller.ask(2 * words.request_bytes());
  caller.sent(2 * words.request_bytes());
  const auto body = [&](std::uint64_t connection, std::uint64_t number) {
    const Bytes bytes = words.body_at(connection, number * 64, 64);
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  const std::string text = reply(body(me, 0), body(4, 9));
  std::ranges::copy(std::as_bytes(std::span(text)), memory.begin());
  caller.received(text.size());
  EXPECT_TRUE(caller.wrong());
  const std::uint64_t size = words.request_bytes();
  const std::vector<RequestPlace> own{{me, 0, 0}, {me, 1, size}};
  const std::vector<RequestPlace> others{{4, 8, 8 * size}, {4, 9, 9 * size}};
  return caller.fault({own, others});
}

TEST(WrongBytes, OfHttpBodiesAreNamed) {
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n";
  EXPECT_EQ(http_fault([&](const auto&, const auto& other) { return head + other; }).text,
            "connection 3, reply 0, byte 0: the bytes of connection 4, reply 9");
  EXPECT_EQ(http_fault([&](const auto& first, const auto&) {
              return head + first + head + first;
            }).text,
            "connection 3, reply 1, byte 0: the bytes of reply 0 again");
  EXPECT_EQ(http_fault([&](const auto&, const auto&) {
              return std::string("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
            }).text,
            "the server answered 503");
}

/// Of a connection whose frames have sizes of their own: `n` of them from `first` on.
std::vector<RequestPlace> places_in(const WorkWords& words, std::uint64_t connection,
                                    std::uint64_t first, std::uint64_t n) {
  std::vector<RequestPlace> all;
  std::uint64_t begin = 0;
  for (std::uint64_t k = 0; k < first + n; ++k) {
    if (k >= first) all.push_back({connection, k, begin});
    begin += words.request_bytes(connection, k);
  }
  return all;
}

TEST(WrongBytes, OfFramesOfManySizesAreFoundWhereTheyAreFrom) {
  const WorkWords words(pattern(), {}, SizeLaw::parse("--size", "uniform:20-400"), 1);
  constexpr std::uint64_t other = 5;
  const auto own = places_in(words, me, 0, 9);
  const auto others = places_in(words, other, 30'000, 8);
  const auto fault_after = [&](std::uint64_t right_frames, const Memory& wrong) {
    Memory memory(64 * 1024);
    WorkCaller caller(words, me, memory);
    for (std::uint64_t k = 0; k < own.size(); ++k) caller.ask(words.request_bytes(me, k));
    caller.sent(caller.asked());
    for (const Memory& part : {stream(words, me, 0, own[right_frames].begin), wrong}) {
      std::ranges::copy(part, memory.begin());
      caller.received(part.size());
    }
    EXPECT_TRUE(caller.wrong());
    return caller.fault({own, others});
  };
  // Behind the headers, which may be alike.
  const Memory swapped = stream(words, other, others[4].begin, 36);
  const Fault of_other = fault_after(3, swapped);
  EXPECT_EQ(of_other.kind, Wrong::swapped) << of_other.text;
  const Memory again = stream(words, me, own[2].begin, 36);
  const Fault of_own = fault_after(5, again);
  EXPECT_EQ(of_own.kind, Wrong::duplicated) << of_own.text;
  const Memory later = stream(words, me, own[7].begin, 36);
  EXPECT_EQ(fault_after(5, later).kind, Wrong::dropped);
}

}  // namespace
}  // namespace echolab
