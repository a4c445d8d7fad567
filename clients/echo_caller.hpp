// The client's side of the echo protocol: it speaks first, and checks every byte.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "clients/wrong_bytes.hpp"
#include "common/session.hpp"

namespace echolab {

/// SplitMix64 (Steele, Lea, Flood 2014).
constexpr std::uint64_t scrambled(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

/// What each connection says: an endless stream of bytes that follows from the seed, the
/// connection and the position alone, so it is neither stored nor sent along. It is read
/// in pieces out of one random table that a core's cache holds, each from an offset of
/// its own: a reply of another connection, or of another time, differs, but for one
/// chance in 2^16.
class Pattern {
 public:
  /// What a reader keeps between two calls: nothing, as every byte is found at once.
  struct Place {};

  explicit Pattern(std::uint64_t seed) : table_(starts + piece) {
    for (std::byte& byte : table_) byte = static_cast<std::byte>(scrambled(seed++) >> 56);
  }

  /// The bytes of `connection` from `position` on, as many as lie together: 1 … `most`.
  [[nodiscard]] Bytes at(std::uint64_t connection, std::uint64_t position,
                         std::uint64_t most = piece) const {
    Place none;
    return at(connection, position, most, none);
  }
  [[nodiscard]] Bytes at(std::uint64_t connection, std::uint64_t position,
                         std::uint64_t most, Place& /*place*/) const {
    const std::uint64_t inside = position % piece;
    const std::uint64_t start = scrambled(connection << 32 ^ position / piece) % starts;
    return Bytes(table_).subspan(start + inside, std::min(most, piece - inside));
  }
  /// Whether `bytes` stand together anywhere in it. Searches 128 KiB.
  [[nodiscard]] bool holds(Bytes bytes) const {
    return std::search(table_.begin(), table_.end(), bytes.begin(), bytes.end()) !=
           table_.end();
  }

 private:
  static constexpr std::uint64_t starts = 64 * 1024;
  static constexpr std::uint64_t piece = 64 * 1024;

  std::vector<std::byte> table_;
};

/// Where a reader of other connections' words begins: at a request of theirs that is
/// known, as to walk there from their first one would take long.
template <class Words>
class PlaceOf {
 public:
  explicit PlaceOf(const Suspects& suspects) : suspects_(suspects) {}

  /// Of `connection`; `own`: of the one that is read for, `of`.
  typename Words::Place& in(std::uint64_t connection, const typename Words::Place& own,
                            std::uint64_t of) {
    if (is_set_ && connection == connection_) return place_;
    is_set_ = true;
    connection_ = connection;
    place_ = {};
    if (connection == of) {
      place_ = own;
    } else if constexpr (requires { place_.number; }) {
      for (const RequestPlace& known : suspects_.others)
        if (known.connection == connection) {
          place_ = {known.number, known.begin};
          break;
        }
    }
    return place_;
  }

 private:
  const Suspects& suspects_;
  bool is_set_ = false;
  std::uint64_t connection_ = 0;
  typename Words::Place place_{};
};

/// Says what it is asked to, and compares what comes back. What was received is checked
/// at once, so callers that take turns may share one `memory`, and their words; who gives
/// hear() the bytes where they lie need lend none.
template <class W>
class Caller {
 public:
  using Words = W;

  Caller(const Words& words, std::uint64_t connection, Room memory = {})
      : words_(&words), memory_(memory), connection_(connection) {}

  /// `bytes` more shall be said.
  void ask(std::uint64_t bytes) { asked_ += bytes; }
  /// No more will be asked: done as soon as every byte has come back.
  void finish() { finishing_ = true; }

  [[nodiscard]] Room input() const { return memory_; }
  void received(std::size_t n) { hear(memory_.first(n)); }
  void hear(Room news) {
    if (verified_ + news.size() > sent_) return fail(news);
    while (!news.empty() && !wrong_) {
      const Bytes right = words_->at(connection_, verified_, news.size(), heard_);
      if (std::memcmp(news.data(), right.data(), right.size()) != 0) return fail(news);
      verified_ += right.size();
      news = news.subspan(right.size());
    }
  }

  [[nodiscard]] Bytes output() const {
    if (sent_ == asked_) return {};
    return words_->at(connection_, sent_, asked_ - sent_, said_);
  }
  void sent(std::size_t n) { sent_ += n; }

  /// Whose words these are.
  [[nodiscard]] std::uint64_t connection() const { return connection_; }
  [[nodiscard]] bool done() const {
    return wrong_ || (finishing_ && verified_ == asked_);
  }

  /// Bytes that shall be said, of these those that were, and of these those that came
  /// back right, and in order.
  [[nodiscard]] std::uint64_t asked() const { return asked_; }
  [[nodiscard]] std::uint64_t said() const { return sent_; }
  [[nodiscard]] std::uint64_t verified() const { return verified_; }
  [[nodiscard]] std::uint64_t unanswered() const { return asked_ - verified_; }
  /// A byte came back that is not the one expected, or that was never asked for.
  [[nodiscard]] bool wrong() const { return wrong_; }
  /// When wrong(): what came instead. To be asked before others use the memory.
  [[nodiscard]] Fault fault(const Suspects& suspects) const {
    PlaceOf<Words> place(suspects);
    const Speech speech{
        [&](std::uint64_t connection, std::uint64_t position, std::uint64_t most) {
          return words_->at(connection, position, most,
                            place.in(connection, heard_, connection_));
        },
        [this](Bytes bytes) { return words_->holds(bytes); }};
    return explain({connection_, verified_, sent_, memory_}, speech, suspects);
  }

 private:
  /// Nothing is received any more: the memory is, from now on, what is wrong in it.
  void fail(Room news) {
    if (std::exchange(wrong_, true)) return;
    memory_ = news;
  }

  const Words* words_;
  Room memory_;
  std::uint64_t connection_;
  std::uint64_t asked_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t verified_ = 0;
  bool finishing_ = false;
  bool wrong_ = false;
  [[no_unique_address]] mutable typename Words::Place said_{};
  [[no_unique_address]] typename Words::Place heard_{};
};

using EchoCaller = Caller<Pattern>;

static_assert(Session<EchoCaller>);

}  // namespace echolab
