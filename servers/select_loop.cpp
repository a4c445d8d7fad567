// select_loop: one thread, one bitmap of whom to ask.
//
// The idea   Turn the waiting around: not a worker who waits for one client, but one
//            thread that asks the kernel about all of them and serves whoever is ready.
// Waits in   select.
// Calls      pselect6, recvfrom, sendto.
// Costs      No switch between clients; but each call copies the bitmaps in and out, and
//            kernel and loop both walk all of them: a call costs O(clients), however few
//            are ready.
// Traps      A descriptor ≥ FD_SETSIZE (1024) writes beyond the bitmap: such a client is
//            turned away. select overwrites its arguments: it gets copies. Ask whether a
//            client is writable only while something is owed to it, or the loop spins.
// Source     UNP 6, CS:APP 12.2; the bitmap's limit: select(2).
// Next       poll_loop: a list in place of the bitmaps.

#include <sys/select.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "servers/clients.hpp"

namespace echolab {
namespace {

/// The bitmaps that select(2) is asked with, kept between the calls.
struct Interest {
  fd_set readable{};
  fd_set writable{};
  int highest = -1;

  void watch(int fd, Next next) {
    forget(fd);
    if (next == Next::readable) FD_SET(fd, &readable);
    if (next == Next::writable) FD_SET(fd, &writable);
    highest = std::max(highest, fd);
  }
  void forget(int fd) {
    FD_CLR(fd, &readable);
    FD_CLR(fd, &writable);
  }
};

/// `interest` narrowed to who is ready; empty when nobody is within `patience_ms`.
std::optional<Interest> select_ready(Interest interest, int patience_ms) {
  timeval patience{.tv_sec = patience_ms / 1000, .tv_usec = patience_ms % 1000 * 1000};
  const int ready = ::select(interest.highest + 1, &interest.readable, &interest.writable,
                             nullptr, patience_ms < 0 ? nullptr : &patience);
  if (ready < 0 && errno != EINTR) checked(ready, "select");
  return ready > 0 ? std::optional(interest) : std::nullopt;
}

template <Protocol P>
void serve(const Job& job, const P& protocol) {
  const int listener = job.listener.fd();
  Clients clients(job, protocol);
  Interest interest;
  interest.watch(listener, Next::readable);

  const auto admit = [&](Fd fd) {
    if (fd.get() >= FD_SETSIZE) return job.listener.turned_away("FD_SETSIZE (select)");
    if (const auto* client = clients.admit(std::move(fd)))
      interest.watch(client->fd.get(), Next::readable);
  };

  for (bool accepting = true; accepting || !clients.empty();) {
    if (auto ready = select_ready(interest, clients.patience_ms())) {
      for (auto at = clients.begin(); at != clients.end();) {
        auto& client = *at++;  // serving may move it to the end
        const int fd = client.fd.get();
        if (!FD_ISSET(fd, &ready->readable) && !FD_ISSET(fd, &ready->writable)) continue;
        ready->forget(fd);  // once a call, also when it comes by again at the end
        const Next next = clients.serve(client);
        interest.watch(fd, next);
        if (next == Next::closed) clients.drop(client);
      }
      if (accepting && FD_ISSET(listener, &ready->readable))
        accepting = job.listener.accept_waiting(admit);
      if (!accepting) interest.forget(listener);
    }
    clients.drop_silent([&](auto& client) { interest.forget(client.fd.get()); });
  }
}

}  // namespace

void select_loop(const Job& job) {
  job.listener.non_blocking();
  std::visit([&](const auto& protocol) { serve(job, protocol); }, job.protocol);
}

}  // namespace echolab
