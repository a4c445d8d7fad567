// Clients: the client table of an event loop.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>
#include <new>
#include <utility>

#include "common/buffer.hpp"
#include "common/drive.hpp"
#include "servers/job.hpp"

namespace echolab {

struct Nothing {};

/// Owns the clients of one loop, in the order in which they were last heard: the one to
/// time out next is the first. Not for more than one thread. A Client* is good until it
/// is dropped; a loop drops nobody but the client whose event it holds, so no event of
/// the same batch can point to a dropped one. `Own` is what a model keeps of each.
template <Protocol P, class Own = Nothing>
class Clients {
 public:
  // What a message touches fills one cache line: with thousands of clients it is what
  // the caches no longer hold that a message pays for.
  struct alignas(64) Client {
    Client(Fd socket, Seats::Seat its_seat, std::size_t bytes, const P& protocol)
        : fd(std::move(socket)),
          memory(bytes),
          session(protocol.serve(memory.room())),
          seat(std::move(its_seat)) {}

    Fd fd;
    Buffer memory;
    SessionOf<P> session;
    Next next = Next::readable;
    std::atomic<std::uint32_t> turn{0};  ///< orders the threads that take it: OneshotSet

    std::chrono::steady_clock::time_point last_heard{};
    typename std::list<Client>::iterator self{};
    Seats::Seat seat;
    [[no_unique_address]] Own own{};
  };

  Clients(const Job& job, const P& protocol) : job_(job), protocol_(protocol) {}

  [[nodiscard]] bool empty() const { return clients_.empty() && lent_.empty(); }
  [[nodiscard]] std::size_t size() const { return clients_.size(); }
  auto begin() { return clients_.begin(); }
  auto end() { return clients_.end(); }

  /// The new client, or nullptr: turned away for the limit or for want of memory.
  Client* admit(Fd fd) {
    auto seat = job_.seat();
    if (!seat) return nullptr;
    try {
      Client& client = clients_.emplace_back(std::move(fd), std::move(*seat),
                                             job_.buffer_bytes, protocol_);
      client.self = std::prev(clients_.end());
      heard(client);
      return &client;
    } catch (const std::bad_alloc&) {
      job_.listener.turned_away("no memory left");
      return nullptr;
    }
  }

  /// Takes the conversation as far as it goes; returns what it waits for now.
  template <Told told = Told::again>
  Next serve(Client& client, bool to_the_end = told == Told::once) {
    heard(client);
    return client.next = advance<told>(client.fd.get(), client.session, to_the_end);
  }

  /// It is the last one to time out from now on.
  void heard(Client& client) {
    if (!limited()) return;
    client.last_heard = std::chrono::steady_clock::now();
    clients_.splice(clients_.end(), clients_, client.self);
  }

  void drop(Client& client) { clients_.erase(client.self); }  ///< not a lent one

  /// A client whose request another party works at is not silent, and cannot be dropped.
  void lend(Client& client) { lent_.splice(lent_.end(), clients_, client.self); }
  void take_back(Client& client) {
    clients_.splice(clients_.end(), lent_, client.self);
    heard(client);
  }

  /// Milliseconds until a client may be silent for too long, rounded up; -1: never.
  [[nodiscard]] int patience_ms() const {
    using std::chrono::steady_clock;
    if (!limited()) return -1;
    const auto now = steady_clock::now();
    const auto since = clients_.empty() ? now : clients_.front().last_heard;
    const auto left = since + job_.idle_timeout - now;
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    return static_cast<int>(std::clamp<long>(ms, 0, 60'000));
  }

  /// Calls `end(client)` for each that has been silent for too long. It may drop it, or
  /// see to it that it ends soon: that client has as much time again.
  template <class End>
  void each_silent(End&& end) {
    if (!limited()) return;
    const auto limit = std::chrono::steady_clock::now() - job_.idle_timeout;
    while (!clients_.empty() && clients_.front().last_heard <= limit) {
      Client& client = clients_.front();
      heard(client);
      end(client);
    }
  }

  /// Calls `forget(client)` for each that has been silent for too long, then drops it.
  template <class Forget>
  void drop_silent(Forget&& forget) {
    each_silent([&](Client& client) {
      forget(client);
      drop(client);
    });
  }

 private:
  [[nodiscard]] bool limited() const { return job_.idle_timeout.count() > 0; }

  const Job& job_;
  const P& protocol_;
  std::list<Client> clients_;
  std::list<Client> lent_;
};

}  // namespace echolab
