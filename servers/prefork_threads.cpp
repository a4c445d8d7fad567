// prefork_threads: a few processes that each hold many threads.
//
// The idea   Processes for safety, threads for width: four of them are forked, and
//            each is a prethread server on the shared listener. A crash takes the clients
//            of one process with it, not all of them.
// Waits in   futex, accept, recv and send (the threads), waitpid (the parent).
// Calls      recvfrom, sendto.
// Costs      As prethread, and the memory of a few processes.
// Traps      `--workers` is the number of threads in all. The mutex before accept orders
//            the threads of one process; between processes the kernel chooses. Fork
//            first, make threads then: the other way round a child inherits locks whose
//            holders it does not have.
// Shares     The listener between all; the mutex in each process; a counter per process.
// Source     Apache's worker.
// Next       busy_poll: one thread for all clients, and no waiting at all.

#include "servers/children.hpp"
#include "servers/parts.hpp"

namespace echolab {

void prefork_threads(const Job& job) {
  const std::size_t processes = std::min<std::size_t>(4, job.workers);
  keep_workers(job, processes, [&](Job mine) {
    mine.workers = (job.workers + processes - 1 - mine.worker) / processes;
    prethread(mine);
  });
}

}  // namespace echolab
