// prefork_fd_passing: the parent accepts, and passes each client to an idle child.
//
// The idea   One process accepts and decides who gets the client; the descriptor itself
//            travels to the child as a message over a Unix socket (SCM_RIGHTS). The child
//            says when it is free again.
// Waits in   poll (the parent: clients, and news of its children), recvmsg, recv and send
//            (the children).
// Calls      recvfrom, sendto.
// Costs      A poll, a message there and one back per connection: the dearest way to
//            share clients (UNP 30.13), and the only one with a choice in it.
// Traps      The descriptor in a message is a new one: the parent closes its own, or the
//            client never sees an end. While no child is idle the listener is not asked:
//            clients wait in the listen queue. A child that died closes its end, which is
//            how the parent hears of it, and replaces it. Each child must give up the
//            parent's other channels, which it inherits.
// Hands over The client, to a child that has none.
// Source     UNP 30.9; unix(7), SCM_RIGHTS.
// Next       prefork_adaptive: as many children as are needed.

#include <poll.h>

#include <algorithm>

#include "servers/channel.hpp"
#include "servers/one_by_one.hpp"

namespace echolab {
namespace {

struct Child : ChildOnChannel {
  bool idle = false;
};

/// The clients that come over `channel`; after each a byte goes back: free again.
void serve_passed(const Job& job, int channel) {
  one_by_one(job, [&, said = true]() mutable {
    for (;;) {
      if (!std::exchange(said, false)) (void)::send(channel, "", 1, MSG_NOSIGNAL);
      auto client = receive_descriptor(channel);
      if (!client) return Fd();
      if (*client) return std::move(*client);
      job.listener.turned_away("no descriptor left");
    }
  });
}

/// News of a child: a byte says that it is free again, the end that it died.
void hear(Child& child, std::size_t number, const Job& job) {
  char byte = 0;
  const ssize_t n = ::recv(child.channel.get(), &byte, 1, MSG_DONTWAIT);
  if (n > 0) child.idle = true;
  if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR))) return;
  child.died(job, number);
  child.idle = false;
}

/// What to poll: a client where a child is idle, and news of the children. Starts those
/// that are due.
void ask(std::vector<pollfd>& asked, std::vector<Child>& children, const Job& job) {
  for (std::size_t i = 0; i < children.size(); ++i) {
    Child& child = children[i];
    if (child.due()) {
      child.start(job, i, serve_passed);
      child.idle = bool(child.channel);
    }
    asked[i + 1] = {.fd = child.channel.get(), .events = POLLIN, .revents = 0};
  }
  const bool any_idle = std::ranges::count(children, true, &Child::idle) > 0;
  asked[0] = {.fd = any_idle ? job.listener.fd() : -1, .events = POLLIN, .revents = 0};
}

}  // namespace

void prefork_fd_passing(const Job& job) {
  std::vector<Child> children(job.workers);
  std::vector<pollfd> asked(1 + job.workers);
  const auto give_away = [&](Fd client) {
    const auto child = std::ranges::find(children, true, &Child::idle);
    child->idle = !pass_descriptor(child->channel.get(), client);
    if (child->idle) job.listener.turned_away("it cannot be passed (sendmsg)");
  };
  job.listener.non_blocking();
  for (bool accepting = true; accepting;) {
    ask(asked, children, job);
    const bool all_there = std::ranges::all_of(
        children, [](const Child& child) { return bool(child.channel); });
    const int patience_ms = all_there ? -1 : static_cast<int>(Child::rest.count());
    if (::poll(asked.data(), asked.size(), patience_ms) <= 0) continue;
    for (std::size_t i = 0; i < children.size(); ++i)
      if (asked[i + 1].revents != 0) hear(children[i], i, job);
    if (asked[0].revents != 0) accepting = job.listener.accept_waiting(give_away, 1, 0);
  }
  children.clear();  // each serves the client that it has, and ends
  wait_for_children();
}

}  // namespace echolab
