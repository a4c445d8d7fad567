// udp_per_request: a child for each datagram.
//
// The idea   The parent does nothing but receive; each datagram gets a child, which has a
//            copy of it, answers through the same socket and ends. Without a connection
//            there is no client to give a process to, only a request.
// Waits in   recvfrom (the parent).
// Calls      recvfrom, getpid, clone, set_robust_list, prctl, getppid, sendto,
//            exit_group, recvfrom, wait4, wait4, rt_sigreturn.
// Costs      A fork and an exit per message, in which the reply's work is lost: for
//            requests that take long (UNP's example is TFTP) it is the simplest way.
// Traps      Replies overtake each other. Whoever can send a datagram can make a process:
//            --max-clients bounds them, and one datagram over it is dropped, not kept.
//            The end of each child interrupts the parent's recvfrom.
// Source     UNP 22.7.
// Next       udp_sharded: a fixed set of threads, a socket for each.

#include "common/buffer.hpp"
#include "servers/children.hpp"
#include "servers/datagrams.hpp"

namespace echolab {
namespace {

template <Protocol P>
void serve(const Job& job, const P& protocol) {
  const Buffer memory(room_per_datagram(job));
  Children children;
  for (Address sender;;) {
    auto session = protocol.serve(memory.room());
    const auto size = receive_from(job.listener, session.input(), sender);
    if (!size) break;
    if (children.alive() >= job.max_clients) {
      job.listener.turned_away("--max-clients reached");
      continue;
    }
    const bool forked = children.start([&] {
      if (const auto reply = reply_to(session, *size))
        send_to(job.listener, *reply, sender);
    });
    if (!forked) job.listener.turned_away("no process left (fork)");
  }
  wait_for_children();
}

}  // namespace

void udp_per_request(const Job& job) {
  std::visit([&](const auto& protocol) { serve(job, protocol); }, job.protocol);
}

}  // namespace echolab
