// What the fuzzers share: a conversation whose bytes and cuts are the fuzzer's.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "common/session.hpp"

namespace echolab::fuzz {

using Memory = std::vector<std::byte>;

/// Ends the fuzzer, which then keeps the input that did it.
inline void require(bool right, std::string_view what) {
  if (right) return;
  fmt::print(stderr, "broken: {}\n", what);
  std::abort();
}

/// The fuzzer's input: what a peer sends at its begin, choices from its end on. When
/// these are used up, each is the least that it can be.
class Input {
 public:
  Input(const std::uint8_t* bytes, std::size_t size)
      : bytes_(std::as_bytes(std::span(bytes, size))) {}

  std::size_t choose(std::size_t least, std::size_t most) {
    std::size_t chosen = 0;
    for (int i = 0; i < 2 && !bytes_.empty(); ++i) {
      chosen = chosen << 8 | std::to_integer<std::size_t>(bytes_.back());
      bytes_ = bytes_.first(bytes_.size() - 1);
    }
    return least + chosen % (most - least + 1);
  }
  /// From now on the choices are among the rest.
  Memory stream() {
    const auto size = static_cast<std::ptrdiff_t>(choose(0, bytes_.size()));
    const auto end = bytes_.begin() + std::min(size, std::ssize(bytes_));
    const Memory stream(bytes_.begin(), end);
    bytes_ = {end, bytes_.end()};
    return stream;
  }

 private:
  Bytes bytes_;
};

/// Feeds all of `stream` that the session takes, in cuts that `input` says, takes what it
/// owes in such cuts as well, and returns that. Holds what every session keeps: spans lie
/// inside the lent memory, what is owed changes only by sent(), and it ends.
template <Session S>
Memory converse(S& session, Room memory, Bytes stream, Input& input) {
  const auto is_lent = [&](Bytes span) {
    return span.empty() || (span.data() >= memory.data() &&
                            span.data() + span.size() <= memory.data() + memory.size());
  };
  const auto cut = [&](std::size_t most) { return input.choose(1, most); };
  Memory back;
  for (bool sends = false;; sends = input.choose(0, 1) == 1) {
    const Room room = session.input();
    const Bytes owed = session.output();
    require(is_lent(room) && is_lent(owed), "a span is not in the lent memory");
    const std::size_t fits = std::min(room.size(), stream.size());
    if (owed.empty() && (session.done() || stream.empty())) return back;
    require(fits > 0 || !owed.empty(), "it neither reads nor writes, and is not done");
    if (sends || fits == 0) {
      if (owed.empty()) continue;
      const std::size_t n = cut(owed.size());
      back.insert(back.end(), owed.begin(),
                  owed.begin() + static_cast<std::ptrdiff_t>(n));
      session.sent(n);
    } else {
      const Memory before(owed.begin(), owed.end());
      const std::size_t n = cut(fits);
      std::copy_n(stream.begin(), n, room.begin());
      stream = stream.subspan(n);
      session.received(n);
      require(std::ranges::equal(session.output().first(before.size()), before),
              "received() changed what was owed");
    }
  }
}

}  // namespace echolab::fuzz
