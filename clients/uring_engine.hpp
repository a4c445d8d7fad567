// UringEngine: how a load loop has its sockets served by an io_uring.
#pragma once

#include <fcntl.h>
#include <poll.h>

#include <optional>

#include "clients/epoll_engine.hpp"
#include "common/ring.hpp"

namespace echolab {

/// Beside EpollEngine, which says what an engine is: sends are put into the ring and go
/// to the kernel with the next wait, all in one call; receives go on answering, into
/// buffers that the kernel picks. So a turn of the loop is one system call for all
/// connections that have news.
class UringEngine {
 public:
  struct Peer {
    Fd fd;
    std::uint16_t life = 0;  ///< what completes for an earlier one is nobody's
    bool hears = false;      ///< a receive is under way
    bool sends = false;      ///< a send is under way
    bool has_more = false;   ///< to send, after that one
    bool ends = false;       ///< half-closes after that one
    Bytes sending;
    Room outbox;  ///< where bytes are copied that do not stay; empty: they stay
  };
  static constexpr bool is_deferred = true;
  static constexpr bool can_pause = false;

  /// Throws Failure (unavailable) where there is no io_uring that can do this.
  explicit UringEngine(const EngineNeeds& needs)
      : slot_bytes_(
            needs.bytes_stay ? 0 : std::min<std::uint64_t>(needs.most_unsent, 64 * 1024)),
        outbox_(slot_bytes_ * needs.connections) {
    Ring ring;  // that of begin() belongs to the thread that calls that
    ProvidedBuffers(ring, 1, 1);
  }

  void begin() {
    ring_.emplace();
    buffers_.emplace(*ring_, buffers, buffer_bytes);
  }

  static std::int64_t now_ns() { return clock_ns(); }

  int connect(Peer& peer, const Address& server, const std::optional<Address>& source) {
    auto [fd, error] = start_connect(server, source);
    if (peer.life == 0 && slot_bytes_ > 0)
      peer.outbox = outbox_.room().subspan(slot_bytes_ * slots_used_++, slot_bytes_);
    peer.fd = std::move(fd);
    peer.hears = peer.sends = peer.has_more = peer.ends = false;
    ++peer.life;
    if (!peer.fd) return error;
    if (error == EINPROGRESS)
      ring_->poll(whose(peer, Told::connected), peer.fd.get(), POLLOUT);
    else
      listen(peer);
    return error;
  }

  template <Session S>
  Next send(Peer& peer, S& session) {
    const Bytes owed = session.output();
    peer.has_more = peer.sends && !owed.empty();
    if (peer.has_more) return Next::writable;
    if (owed.empty()) return session.done() ? Next::closed : Next::readable;
    peer.sending = kept(peer, owed);
    put_in(peer);
    session.sent(peer.sending.size());
    peer.has_more = !session.output().empty();
    return peer.has_more ? Next::writable : Next::readable;
  }
  /// What send() took goes to the kernel now.
  void submit() { ring_->submit(); }

  void half_close(Peer& peer) {
    if (peer.sends)
      peer.ends = true;
    else
      ::shutdown(peer.fd.get(), SHUT_WR);
  }
  /// A receive that is under way holds the socket, until it is told.
  void close(Peer& peer) {
    if (peer.hears) ring_->cancel(whose(peer, Told::heard));
    if (peer.sends) ring_->cancel(whose(peer, Told::sent));
    peer.fd.reset();
  }
  void reset(Peer& peer) {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(peer.fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(peer);
  }

  void wait(std::int64_t at_most_ns) {
    ring_->wait_ns(std::max<std::int64_t>(at_most_ns, 0));
  }

  template <class Loop>
  void deliver(Loop& loop) {
    ring_->for_each_completion([&](const io_uring_cqe& it) { completed(loop, it); });
    buffers_->publish();
  }

 private:
  static constexpr std::size_t buffers = 1024;
  static constexpr std::size_t buffer_bytes = 4096;

  /// What completes, in the lowest bits of user_data; its peer's life in the highest.
  enum class Told : std::uint64_t { connected = 1, heard = 2, sent = 3 };
  static constexpr std::uint64_t told_bits = 3;
  static constexpr int life_shift = 48;  // user space has addresses of 47 bits

  static std::uint64_t whose(Peer& peer, Told told) {
    return static_cast<std::uint64_t>(peer.life) << life_shift |
           reinterpret_cast<std::uint64_t>(&peer) | static_cast<std::uint64_t>(told);
  }

  template <class Loop>
  void completed(Loop& loop, const io_uring_cqe& it) {
    constexpr std::uint64_t address_bits = (std::uint64_t{1} << life_shift) - 1;
    auto& peer = *reinterpret_cast<Peer*>(it.user_data & address_bits & ~told_bits);
    if (it.user_data >> life_shift == peer.life && peer.fd) {
      switch (static_cast<Told>(it.user_data & told_bits)) {
        case Told::connected:
          return on_connected(loop, peer);
        case Told::heard:
          return on_heard(loop, peer, it);
        case Told::sent:
          return on_sent(loop, peer, it.res);
      }
    }
    if ((it.flags & IORING_CQE_F_BUFFER) != 0) buffers_->recycle(it);
  }

  template <class Loop>
  void on_connected(Loop& loop, Peer& peer) {
    const int error = connect_error(peer.fd.get());
    if (error == 0) listen(peer);
    loop.on_connected(peer, error);
  }

  template <class Loop>
  void on_heard(Loop& loop, Peer& peer, const io_uring_cqe& it) {
    peer.hears = (it.flags & IORING_CQE_F_MORE) != 0;
    const std::uint16_t life = peer.life;
    if (it.res > 0) loop.on_heard(peer, buffers_->of(it));
    if ((it.flags & IORING_CQE_F_BUFFER) != 0) buffers_->recycle(it);
    if (it.res == 0 || (it.res < 0 && it.res != -ENOBUFS))
      return loop.on_end(peer, -it.res);
    if (peer.fd && peer.life == life && !peer.hears) listen(peer);
  }

  template <class Loop>
  void on_sent(Loop& loop, Peer& peer, int result) {
    peer.sends = false;
    if (result < 0) return loop.on_end(peer, -result);
    peer.sending = peer.sending.subspan(static_cast<std::size_t>(result));
    if (!peer.sending.empty()) return put_in(peer);
    if (peer.ends) ::shutdown(peer.fd.get(), SHUT_WR);
    if (std::exchange(peer.has_more, false)) loop.on_writable(peer);
  }

  /// On a socket that does not block the kernel would not wait either.
  void listen(Peer& peer) {
    const int flags = ::fcntl(peer.fd.get(), F_GETFL);
    if ((flags & O_NONBLOCK) != 0) ::fcntl(peer.fd.get(), F_SETFL, flags & ~O_NONBLOCK);
    buffers_->receive(whose(peer, Told::heard), peer.fd.get());
    peer.hears = true;
  }

  void put_in(Peer& peer) {
    ring_->send(whose(peer, Told::sent), peer.fd.get(), peer.sending);
    peer.sends = true;
  }

  /// Bytes that the session makes anew for whoever asks next are copied.
  static Bytes kept(const Peer& peer, Bytes owed) {
    if (peer.outbox.empty()) return owed;
    owed = owed.first(std::min(owed.size(), peer.outbox.size()));
    std::ranges::copy(owed, peer.outbox.begin());
    return peer.outbox.first(owed.size());
  }

  const std::size_t slot_bytes_;
  Buffer outbox_;
  std::size_t slots_used_ = 0;
  std::optional<Ring> ring_;
  std::optional<ProvidedBuffers> buffers_;
};

}  // namespace echolab
