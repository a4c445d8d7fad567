// epoll_edge: the kernel says it once; drain or starve.
//
// The idea   As epoll_level, but told only of changes: new bytes, new room, the end.
//            Each client is registered once, for all of them, and never again: who turns
//            from reading to writing costs no call.
// Waits in   epoll_wait.
// Calls      epoll_wait, recvfrom, sendto.
// Costs      As epoll_level, less two epoll_ctl for each client that does not take its
//            replies at once.
// Traps      What is not read now is not told again: read until there is nothing. A
//            receive that came short has emptied the socket, but an end that came with
//            the bytes would then be missed: EPOLLRDHUP says so, and it is read to the
//            end. Who stops earlier, so as not to starve the others, must remember to
//            come back: `hungry`.
// Source     TLPI 63.4.6, epoll(7).
// Next       epoll_sharded: a loop per core.

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include "servers/clients.hpp"

namespace echolab {
namespace {

constexpr int batch = 256;
constexpr std::uint32_t everything = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

bool watch(const Fd& epoll, int fd, std::uint32_t events, void* who) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = who;
  return ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

template <Protocol P>
void serve(const Job& job, const P& protocol) {
  using Client = typename Clients<P>::Client;
  const Fd epoll(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1"));
  Clients clients(job, protocol);
  std::vector<Client*> hungry;  // those with more to read than was their turn
  // The listener is told of again and again: a burst may leave clients waiting.
  if (!watch(epoll, job.listener.fd(), EPOLLIN, nullptr))
    checked(-1, "epoll_ctl(listener)");

  const auto admit = [&](Fd fd) {
    Client* client = clients.admit(std::move(fd));
    if (client == nullptr) return;
    if (watch(epoll, client->fd.get(), everything, client)) return;
    clients.drop(*client);
    job.listener.turned_away("no epoll watch left");
  };
  const auto serve_one = [&](Client& client, bool to_the_end) {
    const Next next = clients.template serve<Told::once>(client, to_the_end);
    std::erase(hungry, &client);
    if (next == Next::more) hungry.push_back(&client);
    if (next == Next::closed) clients.drop(client);
  };

  // Over unix each reply that the peer takes is told as room to send: who has nothing to
  // send is not concerned.
  const auto on_news = [&](Client& client, std::uint32_t news) {
    const bool the_end = (news & ~(EPOLLIN | EPOLLOUT)) != 0;
    const std::uint32_t wanted = client.next == Next::writable ? EPOLLOUT : EPOLLIN;
    if (the_end || (news & wanted) != 0) serve_one(client, the_end);
  };

  std::array<epoll_event, batch> events;
  for (bool accepting = true; accepting || !clients.empty();) {
    const int patience_ms = hungry.empty() ? clients.patience_ms() : 0;
    const int ready = ::epoll_wait(epoll.get(), events.data(), batch, patience_ms);
    if (ready < 0 && errno != EINTR) checked(ready, "epoll_wait");
    for (int i = 0; i < ready; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      if (void* who = event.data.ptr)
        on_news(*static_cast<Client*>(who), event.events);
      else if (!(accepting = job.listener.accept_waiting(admit)))
        ::epoll_ctl(epoll.get(), EPOLL_CTL_DEL, job.listener.fd(), nullptr);
    }
    for (Client* client : std::exchange(hungry, {})) serve_one(*client, true);
    clients.drop_silent([&](Client& client) { std::erase(hungry, &client); });
  }
}

}  // namespace

void epoll_edge(const Job& job) {
  job.listener.non_blocking();
  std::visit([&](const auto& protocol) { serve(job, protocol); }, job.protocol);
}

}  // namespace echolab
