// fork_per_client: a process per connection.
//
// The idea   The parent does nothing but accept; each client gets a child of its own that
//            converses with it and exits. The kernel's scheduler does the rest.
// Waits in   accept (the parent), recv and send (the children).
// Calls      recvfrom, sendto.
// Costs      A fork and an exit per connection, page tables and a kernel stack per
//            client, a process switch per message.
// Traps      The child inherits every descriptor: it closes the listener, and the parent
//            closes the client, or the peer never sees an end. Children that exit at the
//            same time are one SIGCHLD: reap in a loop, or zombies stay (children.hpp).
//            A fork that fails turns one client away, never the server.
// Source     UNP 30.5, CS:APP 12.1, Beej.
// Next       exec_per_client: the same conversation, in another program.

#include "common/buffer.hpp"
#include "common/drive.hpp"
#include "servers/children.hpp"
#include "servers/job.hpp"

namespace echolab {

void fork_per_client(const Job& job) {
  const Buffer memory(job.buffer_bytes);
  Children children;
  while (const Fd client = job.listener.accept()) {
    if (children.alive() >= job.max_clients) {
      job.listener.turned_away("--max-clients reached");
      continue;
    }
    const bool forked = children.start([&] {
      job.listener.close_in_child();
      std::visit(
          [&](const auto& protocol) {
            converse(client.get(), protocol.serve(memory.room()), job.idle_timeout);
          },
          job.protocol);
    });
    if (!forked) job.listener.turned_away("no process left (fork)");
  }
  wait_for_children();
}

}  // namespace echolab
