// thread_pool: a fixed set of workers behind a bounded queue.
//
// The idea   The threads are made once. The first accepts and puts clients into a queue;
//            each worker takes one out, converses with it to its end, takes the next.
// Waits in   accept and a full queue (the acceptor), an empty queue, recv and send (the
//            workers).
// Calls      recvfrom, sendto.
// Costs      A lock and a wake-up per connection; per message as thread_per_client.
// Traps      It is as wide as its workers: `workers` clients that stay keep all others
//            waiting, connected but not answered. The queue holds as many as there are
//            workers; when it is full the acceptor waits and the rest stay in the listen
//            queue: that is the back-pressure.
// Hands over The descriptor and its seat, through the queue; nothing else is shared.
// Source     UNP 30.12, CS:APP 12.5; Boost sync_bounded_queue.
// Next       prefork_threads: many threads, in a few processes.

#include <boost/thread/concurrent_queues/sync_bounded_queue.hpp>
#include <boost/thread/thread.hpp>
#include <vector>

#include "common/buffer.hpp"
#include "common/drive.hpp"
#include "servers/job.hpp"

namespace echolab {
namespace {

struct Waiting {
  Fd client;
  Seats::Seat seat;
};

using Queue = boost::sync_bounded_queue<Waiting>;

/// The queue and its workers; they end when it is closed and empty.
struct Pool {
  explicit Pool(std::size_t size) : queue(size) { workers.reserve(size); }
  ~Pool() {
    queue.close();
    for (boost::thread& worker : workers) worker.join();
  }
  Queue queue;
  std::vector<boost::thread> workers;
};

template <Protocol P>
void serve(const Job& job, const P& protocol) {
  Pool pool(job.workers);
  for (std::size_t i = 0; i < job.workers; ++i) {
    pool.workers.emplace_back([&, memory = Buffer(job.buffer_bytes)] {
      Waiting next;
      while (pool.queue.wait_pull_front(next) != boost::queue_op_status::closed) {
        const Waiting now = std::move(next);
        converse(now.client.get(), protocol.serve(memory.room()), job.idle_timeout);
      }
    });
  }
  while (Fd client = job.listener.accept()) {
    if (auto seat = job.seat())
      pool.queue.push_back(Waiting{std::move(client), std::move(*seat)});
  }
}

}  // namespace

void thread_pool(const Job& job) {
  std::visit([&](const auto& protocol) { serve(job, protocol); }, job.protocol);
}

}  // namespace echolab
