// udp_sharded: a socket of its own for each thread, all on one port.
//
// The idea   Sockets that share a port (SO_REUSEPORT) form a group; the kernel deals the
//            datagrams out to them by a hash of addresses and ports. Each thread is a
//            udp_batched of its own: no lock, no queue, no memory in common.
// Waits in   recvmmsg (each thread its own).
// Calls      recvmmsg, sendmmsg.
// Costs      As udp_batched; a queue of datagrams in the kernel for each thread.
// Traps      The hash is of the sender: one client is always served by one thread, few
//            clients may all fall to the same one, and a slow thread loses datagrams
//            while another has nothing to do. Unix sockets have no such group: there all
//            threads receive from the one socket.
// Source     socket(7), SO_REUSEPORT; LWN 542629.
// Next       iterative: back to the start, one connection at a time.

#include "servers/parts.hpp"
#include "servers/threads.hpp"

namespace echolab {

void udp_sharded(const Job& job) {
  run_threads(job, job.workers,
              [&](std::size_t i) { udp_batched(job.part(i, job.listener.shard(i))); });
}

}  // namespace echolab
