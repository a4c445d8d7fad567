// Listener: where clients arrive, and the one policy of accepting and turning away.
#pragma once

#include <memory>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "common/endpoint.hpp"
#include "common/fd.hpp"
#include "common/shared.hpp"
#include "common/tally.hpp"

namespace echolab {

struct ListenOptions {
  int backlog = SOMAXCONN;  ///< silently capped by net.core.somaxconn (listen(2))
  std::size_t shards = 1;   ///< sockets that share the endpoint: see Listener::shard()
  /// Datagrams: room for those that wait, and for replies under way; silently capped by
  /// net.core.rmem_max and wmem_max (socket(7)). What does not fit is lost.
  int queue_bytes = 4 << 20;
};

/// A listening stream socket, or a datagram socket, which is bound and does not listen
/// (what this says about accepting is for streams; receiving: servers/datagrams.hpp). Its
/// fd may be shared by forked processes and by threads; accept(), accept_waiting(),
/// turned_away() and stop() may be called from any of them.
///
/// TCP_NODELAY is set here, once: Linux hands it down to every accepted socket. So is
/// SO_REUSEADDR (a restart need not wait for TIME_WAIT; of UDP it would make a port that
/// two servers have), but SO_REUSEPORT only where more than one shard is asked for, and
/// only after the port was found free without it: a forgotten old server would silently
/// share the port.
class Listener {
 public:
  /// Binds and listens. A Unix path that a dead server left behind is replaced, a live
  /// one or a file of another kind never; the new socket's mode is 0600. Throws Failure
  /// with the endpoint and what to do.
  explicit Listener(const Endpoint& endpoint, const ListenOptions& options = {});
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener();  ///< removes its own Unix path, in the process that made it

  [[nodiscard]] int fd() const { return socket_.get(); }

  /// With the port that the kernel chose.
  [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }

  /// Blocking models: the next client, waited for, with `flags` as accept4(2) has them;
  /// empty once stopped.
  Fd accept(int flags = 0);

  /// Event loops, after non_blocking(): hands the clients that wait now, non-blocking
  /// themselves, to `admit(Fd)`; only so many at a time, so that a storm of connects does
  /// not starve those who are being served. False once stopped.
  template <class Admit>
  bool accept_waiting(Admit&& admit, int at_most = burst, int flags = SOCK_NONBLOCK) {
    for (int i = 0; i < at_most; ++i) {
      auto [client, arrival] = try_accept(flags);
      if (arrival == Arrival::stopped) return false;
      if (arrival == Arrival::none) return true;
      if (client) admit(std::move(client));
    }
    return true;
  }

  void non_blocking();

  /// One of `ListenOptions::shards` that the kernel deals new clients out to, by a hash
  /// of their addresses (SO_REUSEPORT: socket(7)); shard 0 is this one. Unix sockets have
  /// no such thing: there every shard is a share of the one queue.
  [[nodiscard]] Listener& shard(std::size_t i) { return i == 0 ? *this : *more_[i - 1]; }

  /// Counts a client that the caller closes at once, or a datagram that it does not
  /// answer, for want of `why`. At most one log line a second says so.
  void turned_away(std::string_view why);

  // Who has the kernel accept for it (io_uring) does what accept() does here by itself:
  // when no descriptor is left, it accepts once more on the reserve.
  static bool is_exhaustion(int error);
  /// Gives up the reserve: the next accept finds a descriptor.
  void give_up_reserve();
  /// Wants it back after that accept, which had the `result` (a descriptor, or -errno).
  /// Empty where there was no client, or it was turned away for `error`.
  Fd take_back_reserve(int result, int error);

  /// Ends accepting for all who share the socket: one shutdown() wakes a blocked accept,
  /// select, poll, epoll_wait and io_uring accept in every thread and process. So it does
  /// a blocked receive of datagrams: those that have come are still received, no others.
  void stop() const;

  /// Datagrams: stopped, and none is left. A receive then gives no bytes of no sender, as
  /// it also does for an empty datagram of a Unix client without an address.
  [[nodiscard]] bool is_over() const;

  /// A forked child that only converses gives up its share of the listener.
  void close_in_child();

 private:
  enum class Arrival { client, none, stopped };
  static constexpr int burst = 64;

  Listener(const Listener& first, const ListenOptions& options);  ///< one more shard
  void bind_inet(const ListenOptions& options, bool is_shard = false);
  void bind_unix(const ListenOptions& options);
  Fd make_socket(int family, const ListenOptions& options) const;
  void listen_on(const ListenOptions& options);
  std::pair<Fd, Arrival> try_accept(int flags);
  std::pair<Fd, Arrival> accept_on_reserve(int flags, int error);
  Fd restore_spare(int result, int error);

  Endpoint endpoint_;
  Fd socket_;
  std::shared_ptr<Shared<Tally>> turned_away_;  ///< of all shards and processes
  std::vector<std::unique_ptr<Listener>> more_;
  Fd spare_;  ///< given up for a moment when no descriptor is left: see listener.cpp
  std::mutex spare_mutex_;
  pid_t owner_ = 0;
  unsigned long inode_ = 0;
};

}  // namespace echolab
