// acceptor_reactors: one thread accepts and deals the clients out to N loops.
//
// The idea   The first thread does nothing but accept. It puts each client into the
//            mailbox of the next loop, round robin, and that loop keeps it to its end.
// Waits in   accept (the acceptor), epoll_wait (the loops).
// Calls      epoll_wait, recvfrom, sendto.
// Costs      A hand-over per connection: a lock, and an eventfd to wake the loop. Per
//            message as epoll_level.
// Traps      Even shares of clients are not even shares of work: who got the busy ones
//            has them for good. The acceptor is one thread, and bounds how many can come
//            per second. A mailbox holds what was accepted and not yet seen: no more than
//            there are descriptors.
// Hands over The client, through a mailbox; nothing else is shared.
// Source     memcached (dispatcher and workers), muduo, Netty (boss and workers).
// Next       epoll_shared: every thread may serve every client.

#include <deque>

#include "servers/parts.hpp"
#include "servers/threads.hpp"

namespace echolab {

void acceptor_reactors(const Job& job) {
  std::deque<Mailbox<Fd>> mailboxes(job.workers);
  run_threads(
      job, job.workers,
      [&](std::size_t i) { epoll_level(job.part(i, job.listener), mailboxes[i]); },
      [&] {
        std::size_t next = 0;
        while (Fd client = job.listener.accept(SOCK_NONBLOCK))
          mailboxes[next++ % job.workers].put(std::move(client));
        for (auto& mailbox : mailboxes) mailbox.close();
      });
}

}  // namespace echolab
