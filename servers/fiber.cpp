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

#include <boost/fiber/algo/algorithm.hpp>
#include <boost/fiber/fiber.hpp>
#include <boost/fiber/operations.hpp>
#include <boost/fiber/protected_fixedsize_stack.hpp>
#include <boost/fiber/scheduler.hpp>
#include <deque>

#include "common/buffer.hpp"
#include "common/drive.hpp"
#include "servers/epoll.hpp"
#include "servers/job.hpp"
#include "servers/mailbox.hpp"
#include "servers/stack_switches.hpp"
#include "servers/threads.hpp"

namespace echolab {
namespace {

namespace fibers = boost::fibers;
using Clock = std::chrono::steady_clock;

constexpr std::uint32_t all_news = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
constexpr std::uint32_t end_of_peer = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
constexpr std::size_t stack_bytes = 64 * 1024;

/// A fiber that waits, for news of a descriptor if epoll knows it.
struct Waiting {
  fibers::context* fiber = fibers::context::active();
  std::uint32_t wanted = 0;
  std::uint32_t news = 0;  ///< what epoll said, and whether it ever said `end_of_peer`

  /// False when nothing came for `patience` (0: no bound).
  bool wait(std::uint32_t for_what, Nanoseconds patience = {}) {
    wanted = for_what | end_of_peer;
    if (patience.count() == 0) return fiber->suspend(), true;
    fiber->wait_until(Clock::now() + patience);
    return wanted == 0;
  }
  void hear(std::uint32_t said) {
    news = said | (news & end_of_peer);
    if (said & wanted) wake();
  }
  void wake() {
    wanted = 0;
    fiber->get_scheduler()->schedule(fiber);
  }
};

/// Round robin; when nobody can go on, waits for news for all.
class Scheduler : public fibers::algo::algorithm {
 public:
  Epoll epoll;

  void awakened(fibers::context* fiber) noexcept override { fiber->ready_link(ready_); }
  [[gnu::no_sanitize_thread]] fibers::context* pick_next() noexcept override {
    if (ready_.empty()) return nullptr;
    fibers::context* next = &ready_.front();
    ready_.pop_front();
    switches_.to(next);
    return next;
  }
  bool has_ready_fibers() const noexcept override { return !ready_.empty(); }
  void suspend_until(const Clock::time_point& deadline) noexcept override {
    using std::chrono::milliseconds;
    const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
    const bool bounded = deadline != Clock::time_point::max();
    for (const epoll_event& event :
         epoll.wait(bounded ? static_cast<int>(std::clamp<long>(left, 0, 60'000)) : -1))
      static_cast<Waiting*>(event.data.ptr)->hear(event.events);
  }
  [[gnu::no_sanitize_thread]] void notify() noexcept override { switches_.to_main(); }

 private:
  fibers::scheduler::ready_queue_type ready_;
  StackSwitches switches_;
};

template <class Work>
void start_fiber(Work work) {
  const StackSwitches::Launch launch;
  fibers::fiber(fibers::launch::post, std::allocator_arg,
                fibers::protected_fixedsize_stack(stack_bytes), std::move(work))
      .detach();
}

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
    Waiting self;
    if (!epoll_.add(fd, all_news, &self))
      return job_.listener.turned_away("no epoll watch left");
    Next next = Next::readable;
    while (next != Next::closed &&
           self.wait(next == Next::writable ? EPOLLOUT : EPOLLIN, job_.idle_timeout)) {
      next = self.news & end_of_peer ? advance<Told::once>(fd, session)
                                     : advance<Told::once_and_end>(fd, session);
      if (next == Next::more) epoll_.repeat(fd, all_news, &self);
    }
  }

  const Job& job_;
  const P& protocol_;
  Scheduler* const scheduler_ = new Scheduler;  // its thread's, once that has it
  Epoll& epoll_ = scheduler_->epoll;
  Waiting main_;
  std::size_t clients_ = 0;
  bool draining_ = false;
};

template <Protocol P>
void serve(const Job& job, const P& protocol) {
  std::deque<Mailbox<Arrival>> others(job.workers - 1);
  const auto close = [&] {
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
      turn == 0 ? worker.admit(std::move(client))
                : others[turn - 1].put(std::move(client));
    });
    close();
    worker.drain();
  } catch (...) {
    close();
    throw;
  }
}

}  // namespace

void fiber(const Job& job) {
  job.listener.non_blocking();
  std::visit([&](const auto& protocol) { serve(job, protocol); }, job.protocol);
}

}  // namespace echolab
