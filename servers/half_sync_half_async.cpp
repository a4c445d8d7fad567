// half_sync_half_async: one loop does the I/O, a pool does the requests.
//
// The idea   The asynchronous half is a loop that receives and sends for all clients and
//            never blocks. The synchronous half is a pool whose workers do the requests,
//            and may block. Between them a bounded queue there, and a mailbox back.
// Waits in   epoll_wait (the loop), futex (the workers).
// Calls      epoll_wait, recvfrom, futex, write, epoll_wait, read, sendto, epoll_ctl.
// Costs      Two hand-overs per request, each a lock, a wake-up and a cold cache: dear
//            for a request that costs nothing, cheap for one that blocks.
// Traps      The session itself changes hands: the loop must not touch a client that a
//            worker has, nor take it for silent. EPOLLONESHOT keeps it quiet meanwhile.
//            When the queue is full, requests wait in line in the loop, one per client
//            at most, and their clients are not read from: that is the back-pressure.
//            Hands over The session, to a worker and back.
// Source     POSA2, "Half-Sync/Half-Async"; Schmidt, Cranor 1995.
// Next       amped: processes in place of the pool, and only for what may block.

#include <array>
#include <boost/thread/concurrent_queues/sync_bounded_queue.hpp>
#include <cerrno>
#include <deque>

#include "servers/mailbox.hpp"
#include "servers/oneshot_set.hpp"
#include "servers/threads.hpp"

namespace echolab {
namespace {

constexpr int batch = 256;
constexpr std::size_t requests_per_worker = 16;  // that the queue has room for

template <Protocol P>
class Halves {
 public:
  using Client = typename Clients<P>::Client;

  Halves(const Job& job, const P& protocol)
      : set_(job, protocol), queue_(job.workers * requests_per_worker) {
    if (!set_.watch(answered_.fd(), &answered_)) checked(-1, "epoll_ctl");
  }

  /// The synchronous half, a worker's life: the requests' work is done in here.
  void work() {
    Request next{};
    while (queue_.wait_pull_front(next) != boost::queue_op_status::closed) {
      next.client->session.received(next.bytes);
      answered_.put(next.client);
    }
  }

  /// The asynchronous half.
  void run() {
    std::array<epoll_event, batch> events;
    while (!set_.over()) {
      const int ready = ::epoll_wait(set_.fd(), events.data(), batch, set_.patience_ms());
      if (ready < 0 && errno != EINTR) checked(ready, "epoll_wait");
      for (int i = 0; i < ready; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        if (event.data.ptr == &answered_)
          answered_.take([&](Client* client) { answer(*client); });
        else if (Client* client = set_.take(event))
          hear(*client);
      }
      hand_over();
      set_.end_silent();
    }
    queue_.close();
  }

 private:
  struct Request {
    Client* client;
    std::size_t bytes;  ///< that were received
  };

  void hear(Client& client) {
    if (client.next == Next::writable) return answer(client);
    const ssize_t n = receive(client.fd.get(), client.session.input());
    if (would_block(n)) return set_.arm(client, Next::readable);
    if (n <= 0) return set_.arm(client, Next::closed);
    in_line_.push_back({.client = &client, .bytes = static_cast<std::size_t>(n)});
  }

  void answer(Client& client) {
    set_.arm(client, flush(client.fd.get(), client.session));
  }

  void hand_over() {
    while (!in_line_.empty() &&
           queue_.try_push_back(in_line_.front()) == boost::queue_op_status::success)
      in_line_.pop_front();
  }

  OneshotSet<P> set_;
  boost::sync_bounded_queue<Request> queue_;
  Mailbox<Client*> answered_;
  std::deque<Request> in_line_;
};

}  // namespace

void half_sync_half_async(const Job& job) {
  job.listener.non_blocking();
  std::visit(
      [&](const auto& protocol) {
        Halves halves(job, protocol);
        run_threads(
            job, job.workers, [&](std::size_t) { halves.work(); }, [&] { halves.run(); });
      },
      job.protocol);
}

}  // namespace echolab
