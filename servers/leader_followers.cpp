// leader_followers: exactly one thread waits; it promotes a follower before it serves.
//
// The idea   The threads take turns at waiting. The leader waits for one event, steps
//            down, which promotes a follower to wait in its place, and serves the event
//            itself: whoever hears the news deals with it, and no request changes hands.
// Waits in   epoll_wait (the leader), futex (the followers).
// Calls      epoll_wait, futex, recvfrom, sendto, epoll_ctl, futex.
// Costs      As epoll_shared, and the leadership: a lock per event, and under load the
//            wake-up of a follower.
// Traps      While an event is served its handle must be deactivated, or the new leader
//            gets it again: EPOLLONESHOT; it is armed when the work is done. Whoever
//            serves before the promotion has made a mutex around a loop, and no
//            concurrency.
// Shares     The leadership, per event; the client table, per connection.
// Source     POSA2, "Leader/Followers"; Schmidt et al. 2000.
// Next       half_sync_half_async: one thread for the I/O, the others for the requests.

#include <cerrno>
#include <mutex>
#include <optional>

#include "servers/oneshot_set.hpp"
#include "servers/threads.hpp"

namespace echolab {
namespace {

/// One event, heard as the leader; nothing when the wait ended without one. When this
/// returns, a follower leads.
template <Protocol P>
std::optional<epoll_event> lead(OneshotSet<P>& set, std::mutex& leadership) {
  const std::lock_guard leader(leadership);
  if (set.over()) return std::nullopt;
  epoll_event event{};
  const int ready = ::epoll_wait(set.fd(), &event, 1, set.patience_ms());
  if (ready < 0 && errno != EINTR) checked(ready, "epoll_wait");
  return ready > 0 ? std::optional(event) : std::nullopt;
}

}  // namespace

void leader_followers(const Job& job) {
  job.listener.non_blocking();
  std::visit(
      [&](const auto& protocol) {
        OneshotSet set(job, protocol);
        std::mutex leadership;
        run_threads(job, job.workers, [&](std::size_t) {
          while (!set.over()) {
            if (const auto event = lead(set, leadership))
              if (auto* client = set.take(*event))
                set.arm(*client, advance(client->fd.get(), client->session));
            set.end_silent();
          }
        });
      },
      job.protocol);
}

}  // namespace echolab
