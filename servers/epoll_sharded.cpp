// epoll_sharded: a loop and a listener per thread, nothing shared.
//
// The idea   As many epoll_level servers as there are cores, each with its own listening
//            socket on the same port (SO_REUSEPORT). The kernel deals new clients out by
//            a hash of their addresses, and nobody ever talks to anybody.
// Waits in   epoll_wait, one per thread.
// Calls      epoll_wait, recvfrom, sendto.
// Costs      Per message as epoll_level; a set, a table and a listen queue per thread.
// Traps      A hash is fair to many clients, not to few: two may share a loop while
//            another idles. A queue belongs to one listener: whoever waits in that of a
//            slow loop waits, whatever the others do. A Unix socket has no such
//            option: there all loops share the one queue, as in epoll_prefork.
// Shares     Nothing; a counter per thread, for --max-clients.
// Source     LWN 542629 ("The SO_REUSEPORT socket option"); Seastar.
// Next       epoll_prefork: a loop per process, and one queue for all.

#include "servers/parts.hpp"
#include "servers/threads.hpp"

namespace echolab {

void epoll_sharded(const Job& job) {
  run_threads(job, job.workers,
              [&](std::size_t i) { epoll_level(job.part(i, job.listener.shard(i))); });
}

}  // namespace echolab
