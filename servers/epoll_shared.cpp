// epoll_shared: many threads wait on one epoll set.
//
// The idea   One set, one table of clients, N threads that all wait in epoll_wait on it.
//            EPOLLONESHOT gives each event to one of them, and keeps its client quiet
//            until that thread arms it again: no client waits for a busy loop while
//            another idles.
// Waits in   epoll_wait, all threads on the same set.
// Calls      epoll_wait, recvfrom, sendto, epoll_ctl.
// Costs      One epoll_ctl more per message than epoll_level, and the clients' memory
//            wanders between cores.
// Traps      Without ONESHOT two threads get the same client, and its replies cross. Who
//            forgets to arm it has lost it. A thread may not touch the table without the
//            lock, nor a client that it has armed: that is somebody else's by now. So a
//            silent client is not dropped but shut down: the next event's owner drops it.
// Shares     The client table, under a mutex, per connection; with --idle-timeout, per
//            message.
// Source     TLPI 63; epoll(7), EPOLLONESHOT.
// Next       leader_followers: one of the threads waits, the others stand by.

#include <array>
#include <cerrno>

#include "servers/oneshot_set.hpp"
#include "servers/threads.hpp"

namespace echolab {
namespace {

// A thread that takes many events keeps others from serving them.
constexpr int batch = 8;

template <Protocol P>
void wait_and_serve(OneshotSet<P>& set) {
  std::array<epoll_event, batch> events;
  while (!set.over()) {
    const int ready = ::epoll_wait(set.fd(), events.data(), batch, set.patience_ms());
    if (ready < 0 && errno != EINTR) checked(ready, "epoll_wait");
    for (int i = 0; i < ready; ++i)
      if (auto* client = set.take(events[static_cast<std::size_t>(i)]))
        set.arm(*client, advance(client->fd.get(), client->session));
    set.end_silent();
  }
}

}  // namespace

void epoll_shared(const Job& job) {
  job.listener.non_blocking();
  std::visit(
      [&](const auto& protocol) {
        OneshotSet set(job, protocol);
        run_threads(job, job.workers, [&](std::size_t) { wait_and_serve(set); });
      },
      job.protocol);
}

}  // namespace echolab
