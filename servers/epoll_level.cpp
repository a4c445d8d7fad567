// epoll_level: the kernel keeps the list, and repeats itself.
//
// The idea   As select_loop, but the set lives in the kernel and changes only when a
//            client comes, goes or turns from reading to writing. A call returns only who
//            is ready: its cost follows the active clients, not the connected ones.
// Waits in   epoll_wait.
// Calls      epoll_wait, recvfrom, sendto.
// Costs      Three calls per message alone (epoll_wait, recv, send), two and a share when
//            many are ready at once; one epoll_ctl per client, two more for each that
//            does not take its replies.
// Traps      Level-triggered means: told again until it is dealt with. Ask for EPOLLOUT
//            only while something is owed; stop asking for EPOLLIN meanwhile. A closed
//            descriptor leaves the set by itself, unless it was duplicated.
// Source     TLPI 63.4, epoll(7).
// Next       epoll_edge: told once, so drain or starve.

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <cstdint>

#include "servers/clients.hpp"
#include "servers/mailbox.hpp"
#include "servers/parts.hpp"

namespace echolab {
namespace {

constexpr int batch = 256;

/// Adds `fd` to the set, or changes what is waited for. False when the kernel has no
/// memory or no watch left for it (epoll_ctl(2): ENOMEM, ENOSPC).
bool watch(const Fd& epoll, int how, int fd, std::uint32_t events, void* who) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = who;
  return ::epoll_ctl(epoll.get(), how, fd, &event) == 0;
}

std::uint32_t events_for(Next next) {
  return next == Next::writable ? EPOLLOUT : EPOLLIN;
}

template <class Arrivals, Protocol P>
void serve(const Job& job, Arrivals& arrivals, const P& protocol) {
  const Fd epoll(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1"));
  Clients clients(job, protocol);
  using Client = typename Clients<P>::Client;
  // Of several loops that share a listener, one is woken: see epoll_prefork.
  if (!watch(epoll, EPOLL_CTL_ADD, arrivals.fd(), EPOLLIN | EPOLLEXCLUSIVE, nullptr))
    checked(-1, "epoll_ctl(listener)");

  const auto admit = [&](Fd fd) {
    Client* client = clients.admit(std::move(fd));
    if (client == nullptr) return;
    if (watch(epoll, EPOLL_CTL_ADD, client->fd.get(), EPOLLIN, client)) return;
    clients.drop(*client);
    job.listener.turned_away("no epoll watch left");
  };
  const auto serve_one = [&](Client& client) {
    const Next before = client.next;
    const Next next = clients.serve(client);
    if (next == Next::closed ||
        (next != before &&
         !watch(epoll, EPOLL_CTL_MOD, client.fd.get(), events_for(next), &client)))
      clients.drop(client);
  };

  std::array<epoll_event, batch> events;
  for (bool accepting = true; accepting || !clients.empty();) {
    const int ready =
        ::epoll_wait(epoll.get(), events.data(), batch, clients.patience_ms());
    if (ready < 0 && errno != EINTR) checked(ready, "epoll_wait");
    for (int i = 0; i < ready; ++i) {
      if (void* who = events[static_cast<std::size_t>(i)].data.ptr)
        serve_one(*static_cast<Client*>(who));
      else if (!(accepting = arrivals.accept_waiting(admit)))
        ::epoll_ctl(epoll.get(), EPOLL_CTL_DEL, arrivals.fd(), nullptr);
    }
    clients.drop_silent([](const Client&) {});
  }
}

}  // namespace

void epoll_level(const Job& job) {
  job.listener.non_blocking();
  std::visit([&](const auto& protocol) { serve(job, job.listener, protocol); },
             job.protocol);
}

void epoll_level(const Job& job, Mailbox<Fd>& arrivals) {
  std::visit([&](const auto& protocol) { serve(job, arrivals, protocol); }, job.protocol);
}

}  // namespace echolab
