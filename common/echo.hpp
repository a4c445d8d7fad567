// The echo protocol (RFC 862): every byte comes back, in order, until the peer ends.
#pragma once

#include "common/session.hpp"

namespace echolab {

/// The server's side. The lent memory is a queue of bytes that are still owed:
///
///     |  gone  |  owed to the peer  |  free  |
///     0      first_               last_    size
///
/// When nothing is owed it starts again at 0. A full queue offers no input(): a peer
/// that does not read is not read from either.
class EchoSession {
 public:
  explicit EchoSession(Room memory) : memory_(memory) {}

  [[nodiscard]] Room input() { return memory_.subspan(last_); }
  void received(std::size_t n) { last_ += n; }

  [[nodiscard]] Bytes output() const { return memory_.subspan(first_, last_ - first_); }
  void sent(std::size_t n) {
    first_ += n;
    if (first_ == last_) first_ = last_ = 0;
  }

  [[nodiscard]] bool done() const { return false; }

 private:
  Room memory_;
  std::size_t first_ = 0;
  std::size_t last_ = 0;
};

struct Echo {
  static constexpr bool may_block = false;
  [[nodiscard]] EchoSession serve(Room memory) const { return EchoSession(memory); }
};

static_assert(Session<EchoSession> && Protocol<Echo>);

}  // namespace echolab
