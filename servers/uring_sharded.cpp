// uring_sharded: a ring and a listener per thread.
//
// The idea   uring_multishot, once per thread, and nothing between them: each has its own
//            ring, clients, buffers, and listening socket on the same port. The kernel
//            deals new clients out by a hash of their addresses.
// Waits in   io_uring_enter, in every thread.
// Calls      io_uring_enter, io_uring_enter.
// Costs      Per message as uring_multishot. No lock, no wake-up of another thread, no
//            cache line that two of them write.
// Traps      The hash knows no load: with few clients one thread may have them all, and
//            who waits behind a busy thread waits while others rest. Unix sockets have no
//            such hash: there the threads share one queue. A ring is for the thread that
//            made it.
// Shares     The seats, as a counter per thread; nothing per message.
// Source     Glommio and Seastar (thread per core); SO_REUSEPORT: socket(7).
// Next       coroutine: a loop that reads as if each client were served alone.

#include "servers/parts.hpp"
#include "servers/threads.hpp"

namespace echolab {

void uring_sharded(const Job& job) {
  run_threads(job, job.workers, [&](std::size_t i) {
    uring_multishot(job.part(i, job.listener.shard(i)));
  });
}

}  // namespace echolab
