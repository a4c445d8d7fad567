// prefork: a fixed set of processes, all waiting for the next client.
//
// The idea   The children are forked once, before any client comes. Each is an iterative
//            server on the one listener that all inherited: the kernel gives a new client
//            to one of those that wait in accept.
// Waits in   accept, recv and send (the children), waitpid (the parent).
// Calls      recvfrom, sendto.
// Costs      No fork per connection; a process's memory per worker, used or not.
// Traps      As wide as its workers: who finds all of them taken waits in the listen
//            queue. A child that dies is replaced by the parent, or the pool bleeds out.
//            On Linux a new client wakes one child; where accept wakes all of them (the
//            thundering herd) the next models put a lock around it.
// Shares     The listener; and a counter per worker, for --max-clients.
// Source     UNP 30.6; Apache's prefork.
// Next       prefork_file_lock: one child at a time in accept.

#include "servers/children.hpp"
#include "servers/one_by_one.hpp"

namespace echolab {

void prefork(const Job& job) {
  keep_workers(job, job.workers, [](const Job& mine) {
    one_by_one(mine, [&] { return mine.listener.accept(); });
  });
}

}  // namespace echolab
