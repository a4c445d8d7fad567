// busy_poll: ask everybody in turn, and never wait.
//
// The idea   All sockets are non-blocking. One thread asks the listener and each client,
//            one after the other, and begins again. Nothing is ever waited for.
// Waits in   Nothing: it takes all of one core, idle or not.
// Calls      recvfrom, sendto, accept4.
// Costs      A failing system call per silent client and round: what a message pays grows
//            with the number of clients, and an idle server burns its core. What is saved
//            is the wake-up: no other model answers a lone client sooner.
// Traps      It is charged for every second that it spins. On one core it takes the time
//            that its own clients need.
// Source     UNP 16; SO_BUSY_POLL and DPDK are the same idea further down.
// Next       select_loop: the kernel looks after all of them in one call.

#include "servers/clients.hpp"

namespace echolab {
namespace {

/// One question to one client; what it waits for, closed when it is gone.
template <class Table, class Client>
Next ask(Table& clients, Client& client) {
  if (client.next == Next::writable)
    return client.next = flush(client.fd.get(), client.session);
  const ssize_t n = receive(client.fd.get(), client.session.input());
  if (would_block(n)) return Next::readable;
  if (n <= 0) return Next::closed;
  client.session.received(static_cast<std::size_t>(n));
  clients.heard(client);
  return client.next = flush(client.fd.get(), client.session);
}

template <Protocol P>
void serve(const Job& job, const P& protocol) {
  Clients clients(job, protocol);
  const auto admit = [&](Fd fd) { clients.admit(std::move(fd)); };
  for (bool accepting = true; accepting || !clients.empty();) {
    if (accepting) accepting = job.listener.accept_waiting(admit);
    std::size_t left = clients.size();
    for (auto at = clients.begin(); left > 0; --left) {
      auto& client = *at++;  // being heard moves it to the end
      if (ask(clients, client) == Next::closed) clients.drop(client);
    }
    clients.drop_silent([](const auto&) {});
  }
}

}  // namespace

void busy_poll(const Job& job) {
  job.listener.non_blocking();
  std::visit([&](const auto& protocol) { serve(job, protocol); }, job.protocol);
}

}  // namespace echolab
