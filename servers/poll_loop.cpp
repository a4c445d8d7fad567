// poll_loop: one thread, one list of whom to ask.
//
// The idea   As select_loop, with a list of descriptors in place of bitmaps: no limit
//            but memory, and the question is not overwritten by the answer.
// Waits in   poll.
// Calls      poll, recvfrom, sendto.
// Costs      Each call copies eight bytes per client into the kernel and two back, and
//            both sides walk the whole list: O(clients), however few are ready.
// Traps      A list with holes is walked with its holes: the last entry moves into a
//            gap. So it is walked from behind, for then whoever moves has been looked
//            at. An end is reported asked for or not (POLLHUP): whoever ignores it
//            spins.
// Source     UNP 6, TLPI 63.2, CS:APP 12.2.
// Next       signal_driven: nobody asks; the kernel tells.

#include <poll.h>

#include <cerrno>
#include <vector>

#include "servers/clients.hpp"

namespace echolab {
namespace {

short events_for(Next next) {
  return next == Next::writable ? POLLOUT : POLLIN;
}

template <Protocol P>
void serve(const Job& job, const P& protocol) {
  using Client = typename Clients<P>::Client;
  Clients clients(job, protocol);
  std::vector<pollfd> asked{{.fd = job.listener.fd(), .events = POLLIN, .revents = 0}};
  std::vector<Client*> who{nullptr};

  const auto admit = [&](Fd fd) {
    Client* client = clients.admit(std::move(fd));
    if (client == nullptr) return;
    asked.push_back({.fd = client->fd.get(), .events = POLLIN, .revents = 0});
    who.push_back(client);
  };
  const auto forget = [&](std::size_t at) {
    asked[at] = asked.back();
    who[at] = who.back();
    asked.pop_back();
    who.pop_back();
  };

  for (bool accepting = true; accepting || !clients.empty();) {
    const int ready = ::poll(asked.data(), asked.size(), clients.patience_ms());
    if (ready < 0 && errno != EINTR) checked(ready, "poll");
    for (std::size_t at = asked.size() - 1; ready > 0 && at > 0; --at) {
      if (asked[at].revents == 0) continue;
      const Next next = clients.serve(*who[at]);
      asked[at].events = events_for(next);
      if (next != Next::closed) continue;
      clients.drop(*who[at]);
      forget(at);
    }
    if (accepting && ready > 0 && asked[0].revents != 0)
      accepting = job.listener.accept_waiting(admit);
    if (!accepting) asked[0].fd = -1;  // poll passes it over
    clients.drop_silent([&](Client& client) {
      forget(static_cast<std::size_t>(std::ranges::find(who, &client) - who.begin()));
    });
  }
}

}  // namespace

void poll_loop(const Job& job) {
  job.listener.non_blocking();
  std::visit([&](const auto& protocol) { serve(job, protocol); }, job.protocol);
}

}  // namespace echolab
