// udp_iterative: receive a datagram, answer it.
//
// The idea   There is no connection, so nobody to accept, to hold or to close: one socket
//            hears all clients, each datagram says who sent it, and the reply goes there.
//            One at a time is enough as long as no request takes long.
// Waits in   recvfrom.
// Calls      recvfrom, sendto.
// Costs      Two calls per message, whoever sent it; no memory per client.
// Traps      A datagram longer than its room is cut off in silence: ask for its length
//            (MSG_TRUNC). Never wait to send: a client that does not read would hold all
//            others up. What does not fit the socket's queue is lost, and nobody is told.
//            A forged sender makes two servers answer each other for ever
//            (datagrams.hpp). Bound to all addresses, a reply leaves from the one that
//            its route has, not from the one that was asked (UNP 22.2): listen on one.
// Source     UNP 8, UNP 22.
// Next       udp_batched: the same, many datagrams a call.

#include "common/buffer.hpp"
#include "servers/datagrams.hpp"

namespace echolab {
namespace {

template <Protocol P>
void serve(const Job& job, const P& protocol) {
  const Buffer memory(room_per_datagram(job));
  for (Address sender;;) {
    auto session = protocol.serve(memory.room());
    const auto size = receive_from(job.listener, session.input(), sender);
    if (!size) return;
    if (const auto reply = reply_to(session, *size))
      send_to(job.listener, *reply, sender);
  }
}

}  // namespace

void udp_iterative(const Job& job) {
  std::visit([&](const auto& protocol) { serve(job, protocol); }, job.protocol);
}

}  // namespace echolab
