// uring: operations are submitted, and complete.
//
// The idea   The loop does not ask who is ready and then call; it asks for the thing
//            itself. Each client has one operation under way: a receive into the
//            session's memory, or a send out of it. When it completes, the bytes have
//            moved, and the next operation goes in. One call submits and waits.
// Waits in   io_uring_enter.
// Calls      io_uring_enter, io_uring_enter.
// Costs      Two calls per request alone: one submits the send, and comes back with it
//            done; one submits the receive, and waits. With many clients a call serves
//            all who are there: a small share of a call per request. The kernel holds an
//            operation per client.
// Traps      The kernel uses client and memory until the operation has completed: neither
//            may go before. A silent client is shut down, and dropped when its operation
//            says so. On a non-blocking socket nothing waits: every receive says EAGAIN.
// Source     io_uring(7), liburing's examples; J. Axboe, Efficient IO with io_uring.
// Next       uring_multishot: one receive answers again and again.

#include <sys/socket.h>

#include "servers/clients.hpp"
#include "servers/ring_arrivals.hpp"

namespace echolab {
namespace {

template <Protocol P>
void serve(const Job& job, const P& protocol) {
  using Client = typename Clients<P>::Client;
  Clients clients(job, protocol);
  Ring ring;
  Arrivals arrivals(ring, job.listener, Arrivals::Accepts::once);

  const auto whose = [](Client& client) {
    return reinterpret_cast<std::uint64_t>(&client);
  };
  const auto ask_next = [&](Client& client) {
    const Bytes owed = client.session.output();
    if (owed.empty() && client.session.done()) return clients.drop(client);
    if (owed.empty())
      ring.receive(whose(client), client.fd.get(), client.session.input());
    else
      ring.send(whose(client), client.fd.get(), owed);
  };
  const auto admit = [&](Fd fd) {
    if (Client* client = clients.admit(std::move(fd))) ask_next(*client);
  };
  const auto completed = [&](Client& client, int result) {
    if (result <= 0) return clients.drop(client);
    clients.heard(client);
    if (client.session.output().empty())  // then it was a receive
      client.session.received(static_cast<std::size_t>(result));
    else
      client.session.sent(static_cast<std::size_t>(result));
    ask_next(client);
  };

  while (arrivals.open() || !clients.empty()) {
    ring.wait(clients.patience_ms());
    ring.for_each_completion([&](const io_uring_cqe& completion) {
      if (Arrivals::is_mine(completion))
        arrivals.completed(completion, admit);
      else
        completed(*reinterpret_cast<Client*>(completion.user_data), completion.res);
    });
    clients.each_silent(
        [](const Client& client) { ::shutdown(client.fd.get(), SHUT_RDWR); });
  }
}

}  // namespace

void uring(const Job& job) {
  std::visit([&](const auto& protocol) { serve(job, protocol); }, job.protocol);
}

}  // namespace echolab
