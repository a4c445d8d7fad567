// Trickle: a session that says little at a time.
#pragma once

#include <algorithm>
#include <cstddef>

#include "common/session.hpp"

namespace echolab {

/// `session`, of whose output no more than `left` bytes are there, however often it is
/// asked. What it hears it hears as ever. Borrows the session.
template <Session S>
class Trickle {
 public:
  Trickle(S& session, std::size_t left) : session_(session), left_(left) {}

  [[nodiscard]] Room input() const { return session_.input(); }
  void received(std::size_t n) { session_.received(n); }
  [[nodiscard]] Bytes output() const {
    const Bytes owed = session_.output();
    return owed.first(std::min(owed.size(), left_));
  }
  void sent(std::size_t n) {
    session_.sent(n);
    left_ -= n;
  }
  [[nodiscard]] bool done() const { return session_.done(); }

 private:
  S& session_;
  std::size_t left_;
};

}  // namespace echolab
