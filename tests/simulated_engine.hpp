// SimulatedEngine: a load loop's sockets, server and clock, in simulated time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "clients/epoll_engine.hpp"

namespace echolab::tests {

/// One server with one queue, first come, first served: it takes `service_ns()` for each
/// request of `request_bytes`, and its echo takes no time to travel. A client takes no
/// time at all, so what a loop reports of it is the queue's law and nothing else.
struct SimulatedServer {
  std::uint64_t request_bytes = 1;
  std::function<std::int64_t()> service_ns;
  /// So much later than it was served one connection has its reply, while the server goes
  /// on: `peer` is the how-manieth that connected, from 0.
  std::function<std::int64_t(std::size_t peer, std::int64_t served_ns)> holds_back_ns =
      [](std::size_t, std::int64_t) { return 0; };
  /// Called with each new moment, before the loop sees it: sets the phases.
  std::function<void(std::int64_t now_ns)> on_time = [](std::int64_t) {};
  /// So much longer than it was told the client sleeps now; `is_asked`: it waits for a
  /// reply.
  std::function<std::int64_t(bool is_asked)> oversleeps_ns = [](bool) { return 0; };
  /// Of each connect, at once: 0, or an errno.
  std::function<int()> connect_error = [] { return 0; };
};

/// See EpollEngine for what an engine is. Time begins at 1 s and moves in wait() alone.
class SimulatedEngine {
 public:
  struct Peer {
    std::vector<std::byte> unserved;  ///< of a request that is not whole yet
    bool is_open = false;
    std::size_t number = 0;  ///< of its connect
  };
  static constexpr bool is_deferred = false;
  static constexpr bool can_pause = false;

  SimulatedEngine(const EngineNeeds& /*needs*/, const SimulatedServer& server)
      : server_(server) {}

  static void begin() {}
  [[nodiscard]] std::int64_t now_ns() const { return now_ns_; }

  int connect(Peer& peer, const Address& /*server*/,
              const std::optional<Address>& /*source*/) {
    const int error = server_.connect_error();
    peer.is_open = error == 0;
    peer.number = connects_++;
    return error;
  }

  template <Session S>
  Next send(Peer& peer, S& session) {
    for (Bytes owed = session.output(); !owed.empty(); owed = session.output()) {
      peer.unserved.insert(peer.unserved.end(), owed.begin(), owed.end());
      session.sent(owed.size());
    }
    while (peer.unserved.size() >= server_.request_bytes) take_request(peer);
    return session.done() ? Next::closed : Next::readable;
  }

  void half_close(Peer& peer) { replies_.push_back({now_ns_, &peer, {}}); }
  static void close(Peer& peer) { peer.is_open = false; }
  static void reset(Peer& peer) { close(peer); }

  void wait(std::int64_t at_most_ns) {
    std::int64_t until = now_ns_ + std::max<std::int64_t>(at_most_ns, 0);
    if (!replies_.empty()) until = std::min(until, replies_.front().moment_ns);
    now_ns_ = std::max(now_ns_, until) + server_.oversleeps_ns(!replies_.empty());
    server_.on_time(now_ns_);
  }

  template <class Loop>
  void deliver(Loop& loop) {
    while (!replies_.empty() && replies_.front().moment_ns <= now_ns_) {
      Reply reply = std::move(replies_.front());
      replies_.pop_front();
      if (!reply.peer->is_open) continue;
      if (reply.bytes.empty())
        loop.on_end(*reply.peer, 0);
      else
        loop.on_heard(*reply.peer, reply.bytes);
    }
  }

 private:
  struct Reply {
    std::int64_t moment_ns;
    Peer* peer;
    std::vector<std::byte> bytes;  ///< none: the server's end
  };

  void take_request(Peer& peer) {
    const auto end =
        peer.unserved.begin() + static_cast<std::ptrdiff_t>(server_.request_bytes);
    free_ns_ = std::max(free_ns_, now_ns_) + server_.service_ns();
    const std::int64_t moment = free_ns_ + server_.holds_back_ns(peer.number, free_ns_);
    auto place = replies_.end();
    while (place != replies_.begin() && std::prev(place)->moment_ns > moment) --place;
    replies_.insert(place, {moment, &peer, {peer.unserved.begin(), end}});
    peer.unserved.erase(peer.unserved.begin(), end);
  }

  const SimulatedServer& server_;
  std::int64_t now_ns_ = 1'000'000'000;
  std::int64_t free_ns_ = 0;
  std::size_t connects_ = 0;
  std::deque<Reply> replies_;  ///< in the order of their moments
};

}  // namespace echolab::tests
