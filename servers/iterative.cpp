// iterative: one client at a time.
//
// The idea   Accept a client, converse with it until it is gone, accept the next. No
//            concurrency at all: whoever comes meanwhile waits in the listen queue, where
//            the kernel completes the handshake and keeps what was sent.
// Waits in   accept, recv, send (one client's).
// Calls      recvfrom, sendto.
// Costs      Three calls per connection, two per message: the least of all models.
// Traps      One silent client holds all others up: only --idle-timeout frees them. And
//            the others are connected, as far as they can see: they only get no answer.
// Source     UNP 30.2, CS:APP 11.4.
// Next       fork_per_client: the same conversation, in a process of its own.

#include "common/buffer.hpp"
#include "common/drive.hpp"
#include "servers/job.hpp"

namespace echolab {

void iterative(const Job& job) {
  const Buffer memory(job.buffer_bytes);
  std::visit(
      [&](const auto& protocol) {
        while (const Fd client = job.listener.accept())
          converse(client.get(), protocol.serve(memory.room()), job.idle_timeout);
      },
      job.protocol);
}

}  // namespace echolab
