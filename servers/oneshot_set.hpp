// OneshotSet: one epoll set and one client table for many threads.
#pragma once

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <utility>

#include "servers/clients.hpp"

namespace echolab {

/// Each event goes to one thread, and its client is not reported again until it is armed
/// (EPOLLONESHOT: epoll(7)): so a client belongs to one thread at a time, and only the
/// table is behind a lock, once per connection, and per message where --idle-timeout is
/// given. To re-arm is enough: what came meanwhile is reported at once, nothing is lost.
/// The kernel orders what two owners do, but C++ knows nothing of that: hence the turn.
/// Any thread may call anything.
template <Protocol P>
class OneshotSet {
 public:
  using Client = typename Clients<P>::Client;

  OneshotSet(const Job& job, const P& protocol)
      : job_(job),
        clients_(job, protocol),
        epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
        end_(checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")) {
    if (!watch(end_.get(), &end_) ||
        !ask(EPOLL_CTL_ADD, job.listener.fd(), EPOLLIN, nullptr))
      checked(-1, "epoll_ctl");
  }

  [[nodiscard]] int fd() const { return epoll_.get(); }

  /// Reports as well, again and again, while there is something to read from `fd`: as an
  /// event with `who`, which is not for take(). False when there is no watch left.
  bool watch(int fd, void* who) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = who;
    return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
  }

  /// The listener has stopped, and the last client is gone: all threads are woken.
  [[nodiscard]] bool over() const { return over_; }

  /// The client that an event is about, now the caller's until it is armed or dropped;
  /// nullptr: new clients, and they are dealt with.
  Client* take(const epoll_event& event) {
    if (event.data.ptr == nullptr) accept();
    if (event.data.ptr == nullptr || event.data.ptr == &end_) return nullptr;
    auto* client = static_cast<Client*>(event.data.ptr);
    (void)client->turn.load(std::memory_order_acquire);
    if (times_out()) {
      const std::lock_guard lock(table_);
      clients_.lend(*client);
    }
    return client;
  }

  /// Gives `client` back to the set, to wait for `next`; closed: drops it.
  void arm(Client& client, Next next) {
    client.next = next;
    const std::uint32_t events = next == Next::writable ? EPOLLOUT : EPOLLIN;
    if (next != Next::closed && give_back(client, events)) return;
    const std::lock_guard lock(table_);
    if (times_out()) clients_.take_back(client);
    clients_.drop(client);
    end_if_over();
  }

  /// Milliseconds to wait before end_silent() has something to do; -1: for ever.
  [[nodiscard]] int patience_ms() {
    if (!times_out()) return -1;
    const std::lock_guard lock(table_);
    return clients_.patience_ms();
  }

  /// Ends the connections that were silent for too long. Their owners, the threads that
  /// get the event, drop them.
  void end_silent() {
    if (!times_out()) return;
    const std::lock_guard lock(table_);
    clients_.each_silent([](Client& client) { ::shutdown(client.fd.get(), SHUT_RDWR); });
  }

 private:
  [[nodiscard]] bool times_out() const { return job_.idle_timeout.count() > 0; }

  /// The next event of `fd`, as one with `who`. False when there is no watch left.
  bool ask(int how, int fd, std::uint32_t events, void* who) {
    epoll_event event{};
    event.events = events | EPOLLONESHOT;
    event.data.ptr = who;
    if (how == EPOLL_CTL_ADD) return ::epoll_ctl(epoll_.get(), how, fd, &event) == 0;
    // The next owner of an armed client may close it before this call has returned. The
    // kernel holds the file meanwhile; but whoever watches calls of the C library (TSan)
    // sees a closed number in use.
    return ::syscall(SYS_epoll_ctl, epoll_.get(), how, fd, &event) == 0;
  }

  void accept() {
    const bool accepting = job_.listener.accept_waiting([&](Fd fd) {
      const std::unique_lock lock(table_);
      Client* client = clients_.admit(std::move(fd));
      if (client == nullptr) return;
      if (ask(EPOLL_CTL_ADD, client->fd.get(), EPOLLIN, client)) return;
      clients_.drop(*client);
      job_.listener.turned_away("no epoll watch left");
    });
    if (accepting) {
      ask(EPOLL_CTL_MOD, job_.listener.fd(), EPOLLIN, nullptr);
      return;
    }
    const std::lock_guard lock(table_);
    accepting_ = false;
    end_if_over();
  }

  /// False when it stays the caller's. Once armed it belongs to whoever gets the event.
  bool give_back(Client& client, std::uint32_t events) {
    const int fd = client.fd.get();
    client.turn.store(1, std::memory_order_release);  // the last that we do with it
    if (!times_out()) return ask(EPOLL_CTL_MOD, fd, events, &client);
    const std::lock_guard lock(table_);
    clients_.take_back(client);
    if (ask(EPOLL_CTL_MOD, fd, events, &client)) return true;
    clients_.lend(client);
    return false;
  }

  void end_if_over() {
    if (accepting_ || !clients_.empty()) return;
    over_ = true;
    ::eventfd_write(end_.get(), 1);
  }

  const Job& job_;
  std::mutex table_;
  Clients<P> clients_;
  bool accepting_ = true;
  std::atomic<bool> over_{false};
  Fd epoll_;
  Fd end_;
};

}  // namespace echolab
