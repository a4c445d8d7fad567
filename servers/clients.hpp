// Clients: the client table of an event loop.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <list>
#include <new>
#include <utility>

#include "common/buffer.hpp"
#include "common/drive.hpp"
#include "servers/job.hpp"

namespace echolab {

/// Owns the clients of one loop, in the order in which they were last heard: the one to
/// time out next is the first. Not for more than one thread. A Client* is good until it
/// is dropped; a loop drops nobody but the client whose event it holds, so no event of
/// the same batch can point to a dropped one.
template <Protocol P>
class Clients {
 public:
  // What a message touches fills one cache line: with thousands of clients it is what
  // the caches no longer hold that a message pays for.
  struct alignas(64) Client {
    Client(Fd socket, std::size_t bytes, const P& protocol)
        : fd(std::move(socket)), memory(bytes), session(protocol.serve(memory.room())) {}

    Fd fd;
    Buffer memory;
    SessionOf<P> session;
    Next next = Next::readable;

    std::chrono::steady_clock::time_point last_heard{};
    typename std::list<Client>::iterator self{};
  };

  Clients(const Job& job, const P& protocol) : job_(job), protocol_(protocol) {}

  [[nodiscard]] bool empty() const { return clients_.empty(); }
  auto begin() { return clients_.begin(); }
  auto end() { return clients_.end(); }

  /// The new client, or nullptr: turned away for the limit or for want of memory.
  Client* admit(Fd fd) {
    if (clients_.size() >= job_.limits.max_clients) {
      job_.listener.turned_away("--max-clients reached");
      return nullptr;
    }
    try {
      Client& client = clients_.emplace_back(std::move(fd), job_.buffer_bytes, protocol_);
      client.self = std::prev(clients_.end());
      heard(client);
      return &client;
    } catch (const std::bad_alloc&) {
      job_.listener.turned_away("no memory left");
      return nullptr;
    }
  }

  /// Takes the conversation as far as it goes; returns what it waits for now.
  Next serve(Client& client) {
    heard(client);
    return client.next = advance(client.fd.get(), client.session);
  }

  void drop(Client& client) { clients_.erase(client.self); }

  /// Milliseconds until the first client is silent for too long, rounded up; -1: never.
  [[nodiscard]] int patience_ms() const {
    using std::chrono::steady_clock;
    if (!limited() || clients_.empty()) return -1;
    const auto left =
        clients_.front().last_heard + job_.limits.idle_timeout - steady_clock::now();
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    return static_cast<int>(std::clamp<long>(ms, 0, 60'000));
  }

  /// Calls `forget(client)` for each that has been silent for too long, then drops it.
  template <class Forget>
  void drop_silent(Forget&& forget) {
    if (!limited()) return;
    const auto limit = std::chrono::steady_clock::now() - job_.limits.idle_timeout;
    while (!clients_.empty() && clients_.front().last_heard <= limit) {
      forget(clients_.front());
      clients_.pop_front();
    }
  }

 private:
  [[nodiscard]] bool limited() const { return job_.limits.idle_timeout.count() > 0; }

  void heard(Client& client) {
    if (!limited()) return;
    client.last_heard = std::chrono::steady_clock::now();
    clients_.splice(clients_.end(), clients_, client.self);
  }

  const Job& job_;
  const P& protocol_;
  std::list<Client> clients_;
};

}  // namespace echolab
