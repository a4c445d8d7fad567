// amped: one loop, and helper processes for what would block.
//
// The idea   An event loop does everything that cannot block, as epoll_level. What may
//            block it hands to a helper (here: a clerk): a process of its own, which
//            does the work on memory that both share and sends a byte back. Asymmetric
//            multi-process event-driven: Flash did its disk reads like this.
// Waits in   epoll_wait (the loop: clients and helpers), recv (the helpers).
// Calls      epoll_wait, recvfrom, sendto, epoll_ctl.
// Costs      Nothing but the loop's calls for a request that cannot block; two messages
//            and two process switches for one that may.
// Traps      One blocking call in the loop stops everybody: the loop must know what may
//            block, and the protocol says so. When all helpers are busy, requests wait
//            in line, one per client at most, and their clients are not read from: that
//            is the back-pressure. A helper that dies takes its request with it: the
//            client is closed, and the helper replaced. Hands over The session, on a
//            desk in shared memory, to a helper and back.
// Source     Pai, Druschel, Zwaenepoel, "Flash", USENIX 1999.
// Next       seda: every step of a request is a stage with a pool of its own.

#include <algorithm>
#include <array>
#include <deque>

#include "servers/channel.hpp"
#include "servers/desks.hpp"
#include "servers/oneshot_set.hpp"

namespace echolab {
namespace {

constexpr int batch = 256;

template <Protocol P>
class Amped {
 public:
  Amped(const Job& job, const P& protocol)
      : job_(job),
        desks_(protocol, job.max_clients, job.buffer_bytes),
        set_(job, desks_),
        clerks_(job.workers) {}

  void run() {
    std::array<epoll_event, batch> events;
    while (!set_.over()) {
      const int patience_ms = start_clerks() ? set_.patience_ms() : rest_ms;
      const int ready = ::epoll_wait(set_.fd(), events.data(), batch, patience_ms);
      if (ready < 0 && errno != EINTR) checked(ready, "epoll_wait");
      for (int i = 0; i < ready; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        const void* who = event.data.ptr;  // epoll_event is packed
        const auto clerk =
            std::ranges::find(clerks_, who, [](auto& one) { return &one; });
        if (clerk != clerks_.end())
          hear(*clerk);
        else if (Client* client = set_.take(event))
          serve(*client);
      }
      hand_over();
      set_.end_silent();
    }
  }

 private:
  using Client = typename Clients<Desks<P>>::Client;
  /// A helper process, and the client whose request it has.
  struct Clerk : ChildOnChannel {
    Client* client = nullptr;
    bool idle = false;
  };
  static constexpr int rest_ms = static_cast<int>(ChildOnChannel::rest.count());

  struct Request {
    SessionOf<P>* desk;
    std::size_t bytes;  ///< that were received
  };

  /// A clerk's life.
  static void work(const Job&, int channel) {
    for (Request request{}; ::recv(channel, &request, sizeof request, 0) > 0;) {
      request.desk->received(request.bytes);
      if (::send(channel, "", 1, MSG_NOSIGNAL) < 0) return;
    }
  }

  /// True when all are there.
  bool start_clerks() {
    for (std::size_t i = 0; i < clerks_.size(); ++i) {
      auto& clerk = clerks_[i];
      if (!clerk.due()) continue;
      clerk.start(job_, i, work);
      clerk.idle = clerk.channel && set_.watch(clerk.channel.get(), &clerk);
    }
    return std::ranges::all_of(clerks_, [](auto& clerk) { return bool(clerk.channel); });
  }

  void serve(Client& client) {
    if (!P::may_block) return set_.arm(client, advance(client.fd.get(), client.session));
    if (client.next == Next::writable) return answer(client);
    const ssize_t n = receive(client.fd.get(), client.session.input());
    if (would_block(n)) return set_.arm(client, Next::readable);
    if (n <= 0) return set_.arm(client, Next::closed);
    in_line_.emplace_back(&client, static_cast<std::size_t>(n));
  }

  void answer(Client& client) {
    set_.arm(client, flush(client.fd.get(), client.session));
  }

  void hand_over() {
    while (!in_line_.empty()) {
      const auto clerk = std::ranges::find(clerks_, true, &Clerk::idle);
      if (clerk == clerks_.end()) return;
      const auto [client, bytes] = in_line_.front();
      const Request request{.desk = client->session.desk(), .bytes = bytes};
      clerk->idle = false;
      if (::send(clerk->channel.get(), &request, sizeof request, MSG_NOSIGNAL) < 0)
        continue;  // it has died, as we shall hear
      clerk->client = client;
      in_line_.pop_front();
    }
  }

  /// A byte: the request is done. The end: the clerk has died, and the request with it.
  void hear(Clerk& clerk) {
    char byte = 0;
    const ssize_t n = ::recv(clerk.channel.get(), &byte, 1, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    clerk.idle = n > 0;
    if (Client* client = std::exchange(clerk.client, nullptr))
      n > 0 ? answer(*client) : set_.arm(*client, Next::closed);
    if (n <= 0) clerk.died(job_, static_cast<std::size_t>(&clerk - clerks_.data()));
  }

  const Job& job_;
  const Desks<P> desks_;
  OneshotSet<Desks<P>> set_;
  std::vector<Clerk> clerks_;
  std::deque<std::pair<Client*, std::size_t>> in_line_;
};

}  // namespace

void amped(const Job& job) {
  job.listener.non_blocking();
  std::visit([&](const auto& protocol) { Amped(job, protocol).run(); }, job.protocol);
  wait_for_children();
}

}  // namespace echolab
