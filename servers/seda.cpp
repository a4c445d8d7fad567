// seda: stages with bounded queues and thread pools of their own.
//
// The idea   A request passes through stages, reading, computing, writing, each with a
//            queue before it and threads behind it. Load shows as the length of a queue,
//            and each stage is tuned, or refuses, by itself.
// Waits in   epoll_wait (the reading stage), futex (the others).
// Calls      epoll_wait, recvfrom, futex, futex, sendto, epoll_ctl.
// Costs      A hand-over per stage: two wake-ups and three threads' caches per request.
//            The price is the same for a request that computes long.
// Traps      A queue without a bound only moves the collapse. Here a full queue blocks
//            the stage before it, and in the end nobody is read from: back-pressure down
//            to the clients' sockets. That is safe as the stages form no circle: writing
//            never waits for another stage. ONESHOT: one stage owns a client at a time.
//            Hands over The session, from stage to stage.
// Source     Welsh, Culler, Brewer, "SEDA", SOSP 2001.
// Next       uring: the kernel does the operations, and tells when they are done.

#include <array>
#include <boost/thread/concurrent_queues/sync_bounded_queue.hpp>
#include <cerrno>

#include "servers/oneshot_set.hpp"
#include "servers/threads.hpp"

namespace echolab {
namespace {

constexpr int batch = 64;
constexpr std::size_t events_per_thread = 16;  // that a stage's queue has room for

/// A queue, and what its threads do with what comes out of it.
template <class Event>
class Stage {
 public:
  explicit Stage(std::size_t threads) : queue_(threads * events_per_thread) {}

  /// Waits while the queue is full.
  void put(const Event& event) { queue_.push_back(event); }
  void close() { queue_.close(); }

  /// A thread's life.
  template <class Work>
  void run(Work&& work) {
    Event next{};
    while (queue_.wait_pull_front(next) != boost::queue_op_status::closed) work(next);
  }

 private:
  boost::sync_bounded_queue<Event> queue_;
};

template <Protocol P>
class Stages {
 public:
  using Client = typename Clients<P>::Client;

  Stages(const Job& job, const P& protocol)
      : set_(job, protocol), computing_(job.workers), writing_(job.workers) {}

  void read() {
    std::array<epoll_event, batch> events;
    while (!set_.over()) {
      const int ready = ::epoll_wait(set_.fd(), events.data(), batch, set_.patience_ms());
      if (ready < 0 && errno != EINTR) checked(ready, "epoll_wait");
      for (int i = 0; i < ready; ++i)
        if (Client* client = set_.take(events[static_cast<std::size_t>(i)]))
          hear(*client);
      set_.end_silent();
    }
    computing_.close();
    writing_.close();
  }

  void compute() {
    computing_.run([&](const Request& request) {
      request.client->session.received(request.bytes);
      writing_.put(request.client);
    });
  }

  void write() {
    writing_.run([&](Client* client) {
      set_.arm(*client, flush(client->fd.get(), client->session));
    });
  }

 private:
  struct Request {
    Client* client;
    std::size_t bytes;  ///< that were received
  };

  void hear(Client& client) {
    if (client.next == Next::writable) return writing_.put(&client);
    const ssize_t n = receive(client.fd.get(), client.session.input());
    if (would_block(n)) return set_.arm(client, Next::readable);
    if (n <= 0) return set_.arm(client, Next::closed);
    computing_.put({.client = &client, .bytes = static_cast<std::size_t>(n)});
  }

  OneshotSet<P> set_;
  Stage<Request> computing_;
  Stage<Client*> writing_;
};

}  // namespace

void seda(const Job& job) {
  job.listener.non_blocking();
  std::visit(
      [&](const auto& protocol) {
        Stages stages(job, protocol);
        run_threads(
            job, 2 * job.workers,
            [&](std::size_t i) { i < job.workers ? stages.compute() : stages.write(); },
            [&] { stages.read(); });
      },
      job.protocol);
}

}  // namespace echolab
