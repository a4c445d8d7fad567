// EpollEngine: how a load loop waits for its sockets, by readiness.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>

#include <array>
#include <optional>

#include "clients/load_clock.hpp"
#include "common/buffer.hpp"
#include "common/drive.hpp"
#include "common/endpoint.hpp"

namespace echolab {

/// What a loop tells its engine before it begins.
struct EngineNeeds {
  std::size_t connections = 0;
  std::uint64_t most_unsent = 0;  ///< bytes that one connection may have to send at once
  bool bytes_stay = false;     ///< what a session has to send lies where it is for ever
  std::size_t most_heard = 0;  ///< bytes to receive at once; 0: as many as there are
  bool reads_little = false;   ///< the kernel shall keep little that is not read
};

/// An engine owns the sockets and the clock of a load loop, and tells it what happened:
///
///     begin()            in the loop's own thread, before all else
///     wait(at_most_ns)   until something did, or the time is over
///     deliver(loop)      calls loop.on_connected(peer, error), on_heard(peer, bytes),
///                        on_end(peer, error) and on_writable(peer)
///
/// `Peer` is what it keeps of a connection, which derives from it. It is told of one at
/// a time, and no more of one that was closed. Bytes are good until the call returns.
/// `is_deferred`: what send() took leaves with the next submit() or wait(), not at once.
/// `can_pause`: it knows pause(), resume() and hurry().
class EpollEngine {
 public:
  struct Peer {
    Fd fd;
    std::uint16_t waits_for = 0;  ///< EPOLLIN, EPOLLOUT
    bool is_connecting = false;
    bool is_paused = false;
  };
  static constexpr bool is_deferred = false;
  static constexpr bool can_pause = true;

  /// One buffer for all, for what is received is looked at once.
  explicit EpollEngine(const EngineNeeds& needs)
      : epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
        memory_(receive_bytes),
        heard_at_once_(needs.most_heard > 0 ? needs.most_heard : receive_bytes),
        reads_little_(needs.reads_little) {}

  static void begin() {}
  static std::int64_t now_ns() { return clock_ns(); }

  /// 0: it is connected; EINPROGRESS: on_connected() will tell; else why it cannot be.
  /// EAGAIN from a Unix socket: the server's queue is full, try again.
  int connect(Peer& peer, const Address& server, const std::optional<Address>& source) {
    auto [fd, error] = start_connect(server, source);
    peer.fd = std::move(fd);
    if (!peer.fd) return error;
    peer.is_connecting = error == EINPROGRESS;
    peer.is_paused = false;
    peer.waits_for = peer.is_connecting ? EPOLLOUT : EPOLLIN;
    const int least = 1;  // the kernel makes it its own least: socket(7)
    if (reads_little_)
      ::setsockopt(peer.fd.get(), SOL_SOCKET, SO_RCVBUF, &least, sizeof least);
    return control(EPOLL_CTL_ADD, peer) == 0 ? error : errno;
  }

  /// Goes on listening while it sends: a server that is not read from does not read.
  template <Session S>
  Next send(Peer& peer, S& session) {
    const Next next = flush(peer.fd.get(), session);
    if (next != Next::closed)
      watch(peer, next == Next::writable ? EPOLLIN | EPOLLOUT : EPOLLIN);
    return next;
  }

  /// Nothing more will be sent.
  static void half_close(Peer& peer) { ::shutdown(peer.fd.get(), SHUT_WR); }
  static void close(Peer& peer) { peer.fd.reset(); }
  /// Closes with a reset, whatever is under way.
  static void reset(Peer& peer) {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(peer.fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(peer);
  }

  /// Hears nothing, not even an end, until resume().
  void pause(Peer& peer) {
    peer.is_paused = true;
    watch(peer, peer.waits_for);
  }
  void resume(Peer& peer) {
    peer.is_paused = false;
    watch(peer, peer.waits_for | EPOLLIN);
  }

  /// What reads little reads all that comes from now on. A window that was kept small
  /// opens by a few KiB a round trip, or when the server's persist timer asks for it:
  /// that takes longer than anybody waits (tcp(7): TCP_WINDOW_CLAMP).
  void hurry(Peer& peer) {
    heard_at_once_ = receive_bytes;
    const int much = 1 << 20;
    ::setsockopt(peer.fd.get(), SOL_SOCKET, SO_RCVBUF, &much, sizeof much);
    ::setsockopt(peer.fd.get(), IPPROTO_TCP, TCP_WINDOW_CLAMP, &much, sizeof much);
  }

  void wait(std::int64_t at_most_ns) {
    news_ = wait_for_events(epoll_.get(), events_, at_most_ns);
  }

  template <class Loop>
  void deliver(Loop& loop) {
    for (std::size_t i = 0; i < news_.size(); ++i) {
      // With thousands of connections each is a cache miss: the one after the next is
      // fetched while the kernel works for this one.
      if (i + 2 < news_.size()) prefetch(news_[i + 2].data.ptr);
      auto& peer = *static_cast<Peer*>(news_[i].data.ptr);
      if (peer.fd) on_event(loop, peer, news_[i].events);  // else closed meanwhile
    }
    news_ = {};
  }

 private:
  static constexpr std::size_t receive_bytes = 64 * 1024;
  static constexpr std::size_t batch = 512;

  /// Both cache lines of a connection.
  static void prefetch(const void* connection) {
    __builtin_prefetch(connection);
    __builtin_prefetch(static_cast<const std::byte*>(connection) + 64);
  }

  template <class Loop>
  void on_event(Loop& loop, Peer& peer, std::uint32_t events) {
    if (peer.is_connecting) {
      peer.is_connecting = false;
      const int error = connect_error(peer.fd.get());
      if (error == 0) watch(peer, EPOLLIN);
      return loop.on_connected(peer, error);
    }
    if ((events & EPOLLOUT) != 0) loop.on_writable(peer);
    if ((events & ~EPOLLOUT) != 0 && peer.fd) hear(loop, peer);
  }

  /// One receive an event: what is left makes the next (level-triggered) event.
  template <class Loop>
  void hear(Loop& loop, Peer& peer) {
    const ssize_t n = receive(peer.fd.get(), memory_.room().first(heard_at_once_));
    if (would_block(n)) return;
    if (n <= 0) return loop.on_end(peer, static_cast<int>(-n));
    loop.on_heard(peer, memory_.room().first(static_cast<std::size_t>(n)));
  }

  void watch(Peer& peer, std::uint32_t events) {
    if (peer.is_paused) events &= ~std::uint32_t{EPOLLIN};
    if (peer.waits_for == events) return;
    peer.waits_for = static_cast<std::uint16_t>(events);
    checked(control(EPOLL_CTL_MOD, peer), "epoll_ctl(MOD)");
  }
  int control(int how, Peer& peer) const {
    epoll_event event{};
    event.events = peer.waits_for;
    event.data.ptr = &peer;
    return ::epoll_ctl(epoll_.get(), how, peer.fd.get(), &event);
  }

  Fd epoll_;
  Buffer memory_;
  std::size_t heard_at_once_;  ///< bytes
  const bool reads_little_;
  std::array<epoll_event, batch> events_{};
  std::span<epoll_event> news_;
};

}  // namespace echolab
