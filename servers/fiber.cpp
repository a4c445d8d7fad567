// fiber: M clients on N threads, each with a stack of its own.
//
// The idea   Each client has a fiber: a thread that the kernel does not know. To wait is
//            to switch to the stack of another, which takes some instructions and no
//            system call; when nobody can go on, the scheduler waits for all. The code is
//            a thread's, and any function that it calls may wait.
// Waits in   epoll_wait, in the scheduler of each thread.
// Calls      epoll_wait, recvfrom, sendto.
// Costs      Three calls per message, and two switches of stacks. Per client 64 KiB of
//            addresses, of which 8 KiB or so are ever touched, in two mappings (the lower
//            one catches an overflow): 65 530 of them are allowed (vm.max_map_count).
// Traps      The news of epoll comes once, as in coroutine. A fiber that goes on without
//            end keeps the scheduler from asking: who has more to read asks epoll to be
//            told again, and waits. A stack must not be left behind with its thread.
// Source     von Behren et al., Capriccio, SOSP 2003; Boost.Fiber, "Integration".
// Next       asio_loop: no code that waits, but functions that are called.

#include <boost/fiber/operations.hpp>
#include <cstddef>
#include <deque>
#include <new>
#include <utility>

#include "common/buffer.hpp"
#include "common/drive.hpp"
#include "servers/fibers.hpp"
#include "servers/job.hpp"
#include "servers/mailbox.hpp"
#include "servers/threads.hpp"

namespace echolab {
namespace {

namespace fibers = boost::fibers;

struct Arrival {
  Fd fd;
  Seats::Seat seat;
};

/// One thread's share of the clients. Made in that thread.
template <Protocol P>
class Worker {
 public:
  Worker(const Job& job, const P& protocol) : job_(job), protocol_(protocol) {
    fibers::context::active()->get_scheduler()->set_algo(scheduler_);
  }

  /// Hands those who arrive to `admit` until nobody will.
  template <class Arrivals, class Admit>
  void accept(Arrivals& arrivals, Admit&& admit) {
    if (!epoll_.add(arrivals.fd(), EPOLLIN, &main_)) checked(-1, "epoll_ctl(arrivals)");
    do main_.wait(EPOLLIN);
    while (arrivals.accept_waiting(admit));
    epoll_.remove(arrivals.fd());
  }

  void admit(Arrival arrival) {
    try {
      start_fiber([this, memory = Buffer(job_.buffer_bytes),
                   client = std::move(arrival)]() mutable {
        converse(client.fd.get(), protocol_.serve(memory.room()));
        if (--clients_ == 0 && draining_) main_.wake();
      });
      ++clients_;
    } catch (const std::bad_alloc&) {
      job_.listener.turned_away("no memory left");
    }
  }

  /// Until all are gone, and their stacks, too.
  void drain() {
    draining_ = true;
    while (clients_ > 0) main_.wait(0);
    boost::this_fiber::yield();
  }

 private:
  void converse(int fd, SessionOf<P> session) {
    WaitingFiber self;
    if (!epoll_.add(fd, Epoll::all_news, &self))
      return job_.listener.turned_away("no epoll watch left");
    Next next = Next::readable;
    while (next != Next::closed &&
           self.wait(next == Next::writable ? EPOLLOUT : EPOLLIN, job_.idle_timeout)) {
      next = advance<Told::once>(fd, session, self.news & Epoll::end_of_peer);
      if (next == Next::more) epoll_.repeat(fd, Epoll::all_news, &self);
    }
  }

  const Job& job_;
  const P& protocol_;
  FiberScheduler* const scheduler_ =
      new FiberScheduler;  // its thread's, once that has it
  Epoll& epoll_ = scheduler_->epoll;
  WaitingFiber main_;
  std::size_t clients_ = 0;
  bool draining_ = false;
};

template <Protocol P>
void serve(const Job& job, const P& protocol) {
  std::deque<Mailbox<Arrival>> others(job.workers - 1);
  const auto no_more = [&] {
    for (auto& arrivals : others) arrivals.close();
  };
  Threads threads;
  try {
    for (auto& arrivals : others)
      threads.start([&] {
        Worker worker(job, protocol);
        worker.accept(arrivals, [&](Arrival client) { worker.admit(std::move(client)); });
        worker.drain();
      });
    Worker worker(job, protocol);
    std::size_t turn = 0;
    worker.accept(job.listener, [&](Fd fd) {
      auto seat = job.seat();
      if (!seat) return;
      Arrival client{std::move(fd), std::move(*seat)};
      turn = (turn + 1) % job.workers;
      if (turn == 0) return worker.admit(std::move(client));
      try {
        others[turn - 1].put(std::move(client));
      } catch (const std::bad_alloc&) {
        job.listener.turned_away("no memory left");
      }
    });
    no_more();
    worker.drain();
  } catch (...) {
    no_more();
    throw;
  }
}

}  // namespace

void fiber(const Job& job) {
  job.listener.non_blocking();
  std::visit([&](const auto& protocol) { serve(job, protocol); }, job.protocol);
}

}  // namespace echolab
