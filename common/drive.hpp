// The ways to drive a session over a socket. Each family of models uses one of them.
#pragma once

#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <vector>

#include "common/session.hpp"

namespace echolab {

/// Bytes moved; 0 from receive() when the peer has ended; or -errno. EINTR is retried
/// here and nowhere else.
inline ssize_t receive(int fd, Room room) {
  for (;;) {
    const ssize_t n = ::recv(fd, room.data(), room.size(), 0);
    if (n >= 0) return n;
    if (errno != EINTR) return -errno;
  }
}

/// As receive(). MSG_NOSIGNAL: a peer that is gone is EPIPE, not a SIGPIPE (send(2)).
inline ssize_t transmit(int fd, Bytes bytes) {
  for (;;) {
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n >= 0) return n;
    if (errno != EINTR) return -errno;
  }
}

inline bool would_block(ssize_t moved) {
  return moved == -EAGAIN || moved == -EWOULDBLOCK;
}

/// What a conversation waits for. One direction at a time: a peer that does not take its
/// replies is not read from, so no more than the lent buffer is ever held for it.
/// `more`: nothing yet, there may be more to read: come back after the others.
enum class Next { readable, writable, closed, more };

/// Whether news is repeated until it is dealt with, or told once: epoll(7).
enum class Told { again, once };

/// Readiness: sends what is owed. readable: all of it left.
template <Session S>
Next flush(int fd, S& session) {
  for (Bytes owed = session.output(); !owed.empty(); owed = session.output()) {
    const ssize_t n = transmit(fd, owed);
    if (would_block(n)) return Next::writable;
    if (n < 0) return Next::closed;
    session.sent(static_cast<std::size_t>(n));
  }
  return session.done() ? Next::closed : Next::readable;
}

/// Readiness: takes the conversation on a non-blocking `fd` as far as it goes now, and
/// says what to wait for. An end of the peer needs no flag: it is read only when nothing
/// is owed, and it stays readable until then. A receive that did not fill its room has
/// emptied the socket (epoll(7), Q&A 9), so it is not asked again: that saves one system
/// call in four. But who is told once must go on `to_the_end` when the peer has ended,
/// for an end that came with the last bytes is not told again. Nobody holds the loop for
/// more than `turns_at_most` buffers: then it is `readable` where that will be told
/// again, and else there may be `more`.
template <Told told = Told::again, Session S>
Next advance(int fd, S& session, bool to_the_end = told == Told::once) {
  constexpr int turns_at_most = 16;
  for (int turn = 0; turn < turns_at_most; ++turn) {
    if (const Next next = flush(fd, session); next != Next::readable) return next;
    const Room room = session.input();
    const ssize_t n = receive(fd, room);
    if (would_block(n)) return Next::readable;
    if (n <= 0) return Next::closed;
    session.received(static_cast<std::size_t>(n));
    if (static_cast<std::size_t>(n) < room.size() && !to_the_end)
      return flush(fd, session);
  }
  const Next next = flush(fd, session);
  return told == Told::once && next == Next::readable ? Next::more : next;
}

/// Completion: gives `session` what it takes of `bytes` that are here already, until it
/// has something to send; returns the rest.
template <Session S>
Bytes feed(S& session, Bytes bytes) {
  while (session.output().empty() && !session.done()) {
    const Room room = session.input();
    const Bytes next = bytes.first(std::min(bytes.size(), room.size()));
    if (next.empty()) break;
    std::memcpy(room.data(), next.data(), next.size());
    session.received(next.size());
    bytes = bytes.subspan(next.size());
  }
  return bytes;
}

/// The same, with bytes that were kept: the rest stays.
template <Session S>
void feed(S& session, std::vector<std::byte>& kept) {
  if (kept.empty()) return;
  const Bytes rest = feed(session, Bytes(kept));
  kept.erase(kept.begin(), kept.end() - static_cast<std::ptrdiff_t>(rest.size()));
  if (kept.empty()) kept = {};  // gives the memory back
}

/// Blocking: the whole conversation on a blocking `fd`, to its end or to the peer's
/// failure. `silence` > 0: ends as well when the peer neither sends nor takes a byte for
/// that long (SO_RCVTIMEO, SO_SNDTIMEO: socket(7)).
template <Session S>
void converse(int fd, S session, std::chrono::nanoseconds silence = {}) {
  if (silence.count() > 0) {
    const auto us = std::chrono::ceil<std::chrono::microseconds>(silence).count();
    const timeval limit{.tv_sec = us / 1'000'000, .tv_usec = us % 1'000'000};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  }
  while (flush(fd, session) == Next::readable) {
    const ssize_t n = receive(fd, session.input());
    if (n <= 0) return;
    session.received(static_cast<std::size_t>(n));
  }
}

}  // namespace echolab
