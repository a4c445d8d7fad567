// What the fuzzers share: a conversation whose bytes and cuts are the fuzzer's.
#pragma once

#include <fmt/format.h>
#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
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

/// Feeds all of `stream` that the session takes, in cuts that `data` says, takes what it
/// owes in such cuts as well, and returns that. Holds what every session keeps: spans lie
/// inside the lent memory, what is owed changes only by sent(), and it ends.
template <Session S>
Memory converse(S& session, Room memory, Bytes stream, FuzzedDataProvider& data) {
  const auto is_lent = [&](Bytes span) {
    return span.empty() || (span.data() >= memory.data() &&
                            span.data() + span.size() <= memory.data() + memory.size());
  };
  const auto cut = [&](std::size_t most) {
    return data.ConsumeIntegralInRange<std::size_t>(1, most);
  };
  Memory back;
  for (bool sends = false;; sends = data.ConsumeBool()) {
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
