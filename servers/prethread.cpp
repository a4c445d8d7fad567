// prethread: a fixed set of threads that take turns in accept.
//
// The idea   As prefork_mutex, with threads in place of processes: made once, each an
//            iterative server, one at a time waiting in accept.
// Waits in   futex (the mutex), accept, recv and send.
// Calls      recvfrom, sendto.
// Costs      No thread per connection; a stack and a buffer per worker. Per message as
//            thread_per_client.
// Traps      As wide as its workers; one fate. The mutex is plain: a thread cannot die
//            alone. Which thread gets a client is the scheduler's whim: with an
//            uncontended mutex often the one that was just there, and warm.
// Shares     The listener and the mutex, once per connection.
// Source     UNP 30.11.
// Next       thread_pool: one thread accepts, and a queue deals the clients out.

#include <mutex>

#include "servers/one_by_one.hpp"
#include "servers/parts.hpp"
#include "servers/threads.hpp"

namespace echolab {

void prethread(const Job& job) {
  std::mutex turn;
  run_threads(job, job.workers, [&](std::size_t) {
    one_by_one(job, [&] {
      const std::lock_guard lock(turn);
      return job.listener.accept();
    });
  });
}

}  // namespace echolab
