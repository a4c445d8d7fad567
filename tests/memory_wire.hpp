// A wire in memory: joins two sessions without a socket, and cuts the stream anywhere.
#pragma once

#include <algorithm>
#include <cstddef>
#include <random>
#include <vector>

#include "common/session.hpp"

namespace echolab {

// A cut says how many of the `most` bytes that could move now do: 0 … `most`; 0 is "not
// now". One that never says more than 0 stops the world.

/// All that fits: the stream is cut only where memory ends.
struct Uncut {
  std::size_t operator()(std::size_t most) const { return most; }
};

/// At most `size` bytes at once; 1 is the hardest.
struct Pieces {
  std::size_t size;
  std::size_t operator()(std::size_t most) const { return std::min(size, most); }
};

/// Whole, but for one cut after `offset` bytes (of both directions together).
struct CutAt {
  std::size_t offset;
  std::size_t operator()(std::size_t most) {
    const std::size_t n = offset > 0 ? std::min(offset, most) : most;
    offset -= std::min(offset, n);
    return n;
  }
};

/// Anywhere, in either direction first, as the seed says.
class RandomCuts {
 public:
  explicit RandomCuts(unsigned seed) : random_(seed) {}
  std::size_t operator()(std::size_t most) {
    return std::uniform_int_distribution<std::size_t>(0, most)(random_);
  }

 private:
  std::mt19937 random_;
};

/// Moves bytes of `from` to `to`, as many as `cut` says. False when none could move.
template <Session From, Session To, class Cut>
bool carry(From& from, To& to, Cut& cut) {
  const Bytes bytes = from.output();
  const Room room = to.input();
  const std::size_t most = std::min(bytes.size(), room.size());
  if (most == 0) return false;
  const std::size_t n = cut(most);
  if (n == 0) return true;
  std::copy_n(bytes.begin(), n, room.begin());
  from.sent(n);
  to.received(n);
  return true;
}

/// Joins two sessions until nothing can move any more: both are done, or each waits for
/// the other. Which, the caller sees from the sessions. An endless talk never returns.
template <Session A, Session B, class Cut>
void join(A& a, B& b, Cut cut) {
  for (bool moving = true; moving;) {
    moving = carry(a, b, cut);
    moving = carry(b, a, cut) || moving;
  }
}

/// A client that says `words`, keeps what it hears, and is done when it has heard as much
/// as it said.
class Talker {
 public:
  Talker(std::vector<std::byte> words, std::size_t room)
      : words_(std::move(words)), memory_(room) {}

  [[nodiscard]] Room input() { return memory_; }
  void received(std::size_t n) {
    heard_.insert(heard_.end(), memory_.data(), memory_.data() + n);
  }
  [[nodiscard]] Bytes output() const { return Bytes(words_).subspan(said_); }
  void sent(std::size_t n) { said_ += n; }
  [[nodiscard]] bool done() const { return heard_.size() >= words_.size(); }

  [[nodiscard]] const std::vector<std::byte>& words() const { return words_; }
  [[nodiscard]] const std::vector<std::byte>& heard() const { return heard_; }

 private:
  std::vector<std::byte> words_;
  std::vector<std::byte> memory_;
  std::size_t said_ = 0;
  std::vector<std::byte> heard_;
};

static_assert(Session<Talker>);

/// `size` bytes of which no two neighbourhoods are alike: what moved, shows.
inline std::vector<std::byte> noise(std::size_t size, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::vector<std::byte> bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() & 0xff);
  return bytes;
}

}  // namespace echolab
