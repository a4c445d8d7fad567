// epoll_prefork: a loop per process, on one listener.
//
// The idea   As many epoll_level servers as there are cores, each a process (SYMPED:
//            symmetric multi-process event-driven). All watch the one listening socket;
//            EPOLLEXCLUSIVE has a new client wake one of them, not all.
// Waits in   epoll_wait (the children), waitpid (the parent).
// Calls      epoll_wait, recvfrom, sendto.
// Costs      Per message as epoll_level; a process per core.
// Traps      The kernel wakes the loop that began to wait last, so under a light load one
//            loop has nearly all clients. A burst wakes several, and all but one may find
//            the queue empty: accept must not block. A child that dies takes its clients
//            with it, and is replaced.
// Shares     The listener and its queue; a counter per process, for --max-clients.
// Source     nginx; Pariag et al., "Comparing the Performance of Web Server
//            Architectures", EuroSys 2007 (SYMPED).
// Next       acceptor_reactors: one thread accepts for all loops.

#include "servers/children.hpp"
#include "servers/parts.hpp"

namespace echolab {

void epoll_prefork(const Job& job) {
  job.listener.non_blocking();
  keep_workers(job, job.workers, [](const Job& mine) { epoll_level(mine); });
}

}  // namespace echolab
