// signal_driven: the kernel queues a signal for each event.
//
// The idea   Every socket is told to send its owner a real-time signal when something
//            happens to it (O_ASYNC, F_SETSIG). Real-time signals queue, each with the
//            number of its descriptor: sigwaitinfo takes the next event from the queue.
//            This was Linux's answer to the C10K problem before epoll.
// Waits in   sigwaitinfo (rt_sigtimedwait).
// Calls      rt_sigtimedwait, recvfrom, sendto, recvfrom.
// Costs      One call per event, never a batch; three fcntl per client.
// Traps      The queue is bounded (RLIMIT_SIGPENDING). When it is full the kernel sends
//            one plain SIGIO and drops the rest: then empty the queue, and ask
//            everybody. A signal is an edge: what came before the socket was armed is
//            never told, what is not read now neither. And it names a number, which may
//            be another client's by now: to ask one who has no news does no harm.
// Source     TLPI 63.3; fcntl(2), F_SETSIG; Kegel's "The C10K problem".
// Next       epoll_level: the kernel keeps the set, and tells in batches.

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <vector>

#include "servers/clients.hpp"

namespace echolab {
namespace {

// The end of a listening Unix socket sends no signal (seen on Linux 6.18): so it is
// looked for, ten times a second.
constexpr int look_ms = 100;

/// The signals of this model, blocked, so that they queue until they are asked for.
class Events {
 public:
  Events() {
    ::sigemptyset(&both_);
    ::sigaddset(&both_, event_);
    ::sigaddset(&both_, SIGIO);
    checked(::sigprocmask(SIG_BLOCK, &both_, nullptr), "sigprocmask");
  }

  /// From now on what happens to `fd` is told. False when the kernel will not.
  [[nodiscard]] bool arm(int fd) const {
    return ::fcntl(fd, F_SETOWN, ::getpid()) == 0 && ::fcntl(fd, F_SETSIG, event_) == 0 &&
           ::fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK | O_ASYNC) == 0;
  }

  struct News {
    int fd = -1;        ///< that something happened to
    bool lost = false;  ///< the queue has run over: news of anybody may be missing
  };
  /// The next event; neither after `patience_ms` (-1: for ever).
  News next(int patience_ms) {
    siginfo_t told{};
    const timespec patience{.tv_sec = patience_ms / 1000,
                            .tv_nsec = patience_ms % 1000 * 1'000'000L};
    const int signal =
        ::sigtimedwait(&both_, &told, patience_ms < 0 ? nullptr : &patience);
    if (signal == event_) return {.fd = told.si_fd, .lost = false};
    return {.fd = -1, .lost = signal == SIGIO};
  }

 private:
  const int event_ = SIGRTMIN;
  sigset_t both_{};
};

/// Which client has which descriptor.
template <class Client>
class ByDescriptor {
 public:
  void set(int fd, Client* client) {
    const auto at = static_cast<std::size_t>(fd);
    if (at >= clients_.size()) clients_.resize(at + 1);
    clients_[at] = client;
  }
  [[nodiscard]] Client* at(int fd) const {
    const auto at = static_cast<std::size_t>(fd);
    return at < clients_.size() ? clients_[at] : nullptr;
  }

 private:
  std::vector<Client*> clients_;
};

template <Protocol P>
void serve(const Job& job, const P& protocol) {
  using Client = typename Clients<P>::Client;
  Events events;
  Clients clients(job, protocol);
  ByDescriptor<Client> by_descriptor;
  std::vector<Client*> hungry;  // to be asked, told of or not
  std::size_t arrived = 0;
  if (!events.arm(job.listener.fd())) checked(-1, "fcntl(F_SETSIG)");
  const auto forget = [&](Client& client) {
    by_descriptor.set(client.fd.get(), nullptr);
    std::erase(hungry, &client);
  };
  const auto admit = [&](Fd fd) {
    ++arrived;
    Client* client = clients.admit(std::move(fd));
    if (client == nullptr) return;
    by_descriptor.set(client->fd.get(), client);
    hungry.push_back(client);
    if (events.arm(client->fd.get())) return;
    forget(*client);
    clients.drop(*client);
    job.listener.turned_away("no signals (fcntl)");
  };
  const auto serve_one = [&](Client& client) {
    const Next next = clients.template serve<Told::once>(client);
    if (next == Next::more && std::ranges::count(hungry, &client) == 0)
      hungry.push_back(&client);
    if (next == Next::closed) forget(client), clients.drop(client);
  };

  for (bool accepting = true; accepting || !clients.empty();) {
    int patience_ms = clients.patience_ms();
    if (accepting && (patience_ms < 0 || patience_ms > look_ms)) patience_ms = look_ms;
    const bool more_may_wait = std::exchange(arrived, 0) > 0;
    if (!hungry.empty() || more_may_wait) patience_ms = 0;
    const auto news = events.next(patience_ms);
    Client* client = news.fd < 0 ? nullptr : by_descriptor.at(news.fd);
    if (client != nullptr) serve_one(*client);
    if (accepting && (client == nullptr || more_may_wait))
      accepting = job.listener.accept_waiting(admit);
    if (news.lost) {
      while (events.next(0).fd >= 0) continue;
      hungry.clear();
      for (Client& each : clients) hungry.push_back(&each);
    }
    for (Client* each : std::exchange(hungry, {})) serve_one(*each);
    clients.drop_silent(forget);
  }
}

}  // namespace

void signal_driven(const Job& job) {
  job.listener.non_blocking();
  std::visit([&](const auto& protocol) { serve(job, protocol); }, job.protocol);
}

}  // namespace echolab
