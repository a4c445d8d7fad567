// Benchmarks of waiting: for an item from another thread, and for one of many
// descriptors.
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <unistd.h>

#include <boost/thread/concurrent_queues/sync_bounded_queue.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bench/primitives.hpp"
#include "common/fd.hpp"

namespace echolab {
namespace {

// ---- handover/

enum class Item : int { none = 0, work = 1, stop = 2 };

// A channel takes items one way: send() by one thread, receive() by another, which sleeps
// until there is one. At most one item is under way, so every channel holds one.

class BoostQueueChannel {
 public:
  void send(Item item) { queue_.push_back(item); }
  Item receive() { return queue_.pull_front(); }

 private:
  boost::concurrent::sync_bounded_queue<Item> queue_{1};
};

class ConditionChannel {
 public:
  void send(Item item) {
    {
      const std::lock_guard lock(mutex_);
      item_ = item;
    }
    news_.notify_one();
  }
  Item receive() {
    std::unique_lock lock(mutex_);
    news_.wait(lock, [this] { return item_ != Item::none; });
    return std::exchange(item_, Item::none);
  }

 private:
  std::mutex mutex_;
  std::condition_variable news_;
  Item item_ = Item::none;
};

/// The item is the count itself, which read(2) takes whole and leaves at 0 (eventfd(2)).
class EventfdChannel {
 public:
  void send(Item item) {
    checked(::eventfd_write(fd_.get(), static_cast<eventfd_t>(item)), "eventfd_write");
  }
  Item receive() {
    eventfd_t count = 0;
    checked(::eventfd_read(fd_.get(), &count), "eventfd_read");
    return static_cast<Item>(count);
  }

 private:
  Fd fd_{checked(::eventfd(0, EFD_CLOEXEC), "eventfd")};
};

/// An item is far below PIPE_BUF, hence written and read whole (pipe(7), TLPI 44.1).
class PipeChannel {
 public:
  PipeChannel() {
    std::array<int, 2> fds{};
    checked(::pipe2(fds.data(), O_CLOEXEC), "pipe2");
    out_ = Fd(fds[0]);
    in_ = Fd(fds[1]);
  }
  void send(Item item) {
    if (checked(::write(in_.get(), &item, sizeof(item)), "write pipe") != sizeof(item)) {
      throw std::runtime_error("write pipe: part of an item");
    }
  }
  Item receive() {
    Item item = Item::none;
    if (checked(::read(out_.get(), &item, sizeof(item)), "read pipe") != sizeof(item)) {
      throw std::runtime_error("read pipe: part of an item");
    }
    return item;
  }

 private:
  Fd out_;
  Fd in_;
};

/// A futex(2), by its C++ name. libstdc++ spins and yields a little before it sleeps, and
/// makes no system call to wake somebody who does not sleep.
class AtomicChannel {
 public:
  void send(Item item) {
    item_.store(item);
    item_.notify_one();
  }
  Item receive() {
    item_.wait(Item::none);
    return item_.exchange(Item::none);
  }

 private:
  std::atomic<Item> item_ = Item::none;
};

/// A thread that sends back what it gets, until the end of this object. A channel that
/// fails inside the thread ends the program.
template <class Channel>
class EchoThread {
 public:
  EchoThread() : thread_([this] { run(); }) {}
  EchoThread(const EchoThread&) = delete;
  EchoThread& operator=(const EchoThread&) = delete;
  ~EchoThread() {
    try {
      there_.send(Item::stop);
    } catch (...) {
      std::terminate();  // a thread that cannot be stopped cannot be joined
    }
    thread_.join();
  }

  Item round_trip(Item item) {
    there_.send(item);
    return back_.receive();
  }

 private:
  void run() {
    for (Item item = there_.receive(); item != Item::stop; item = there_.receive()) {
      back_.send(item);
    }
  }

  Channel there_;
  Channel back_;
  std::thread thread_;  // last: starts when the channels exist
};

/// How often threads of this process have gone to sleep so far (getrusage(2)).
double sleeps_so_far() {
  rusage usage{};
  checked(::getrusage(RUSAGE_SELF, &usage), "getrusage");
  return static_cast<double>(usage.ru_nvcsw);
}

/// An item to another thread and back: two hand-overs. The scheduler chooses the cores;
/// `taskset -c 0` shows the case of one.
template <class Channel>
void handover(benchmark::State& state) {
  EchoThread<Channel> echo;
  const double sleeps_before = sleeps_so_far();
  for (auto _ : state) {
    if (echo.round_trip(Item::work) != Item::work) {
      throw std::runtime_error("the wrong item came back");
    }
  }
  state.SetItemsProcessed(state.iterations());
  state.counters["sleeps"] = benchmark::Counter(sleeps_so_far() - sleeps_before,
                                                benchmark::Counter::kAvgIterations);
}

// ---- wait/

/// Raises the soft limit so that `count` more descriptors can be opened (getrlimit(2)).
void permit_descriptors(std::size_t count) {
  constexpr rlim_t spare = 64;  // the standard streams, the output file, what we inherit
  rlimit limit{};
  checked(::getrlimit(RLIMIT_NOFILE, &limit), "getrlimit RLIMIT_NOFILE");
  const rlim_t needed = count + spare;
  if (limit.rlim_max < needed) {
    throw std::runtime_error("the hard limit RLIMIT_NOFILE (ulimit -Hn) is " +
                             std::to_string(limit.rlim_max) + ", needed are " +
                             std::to_string(needed));
  }
  if (limit.rlim_cur >= needed) return;
  limit.rlim_cur = needed;
  checked(::setrlimit(RLIMIT_NOFILE, &limit), "setrlimit RLIMIT_NOFILE");
}

/// `count` descriptors of which the last, the worst for a search, is ready to be read.
std::vector<Fd> mostly_idle(std::size_t count) {
  permit_descriptors(count);
  std::vector<Fd> fds;
  fds.reserve(count);
  while (fds.size() < count) {
    fds.emplace_back(checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd"));
  }
  checked(::eventfd_write(fds.back().get(), 1), "eventfd_write");
  return fds;
}

// A waiter is told of all descriptors once; ready() waits until one of them can be read,
// finds it among the others as a server must, and returns it, or -1.

/// UNP 6.3, TLPI 63.2.1. A descriptor from FD_SETSIZE on does not fit into an fd_set.
class SelectWaiter {
 public:
  explicit SelectWaiter(std::span<const Fd> fds) {
    FD_ZERO(&all_);
    for (const Fd& fd : fds) {
      if (fd.get() >= FD_SETSIZE) {
        throw std::runtime_error("select: descriptor " + std::to_string(fd.get()) +
                                 " is not below FD_SETSIZE");
      }
      FD_SET(fd.get(), &all_);
      end_ = std::max(end_, fd.get() + 1);
    }
  }
  int ready() const {
    fd_set set = all_;  // each call overwrites its argument
    checked(::select(end_, &set, nullptr, nullptr, nullptr), "select");
    for (int fd = 0; fd < end_; ++fd) {
      if (FD_ISSET(fd, &set)) return fd;
    }
    return -1;
  }

 private:
  fd_set all_;
  int end_ = 0;
};

/// UNP 6.10, TLPI 63.2.2.
class PollWaiter {
 public:
  explicit PollWaiter(std::span<const Fd> fds) {
    for (const Fd& fd : fds) all_.push_back({fd.get(), POLLIN, 0});
  }
  int ready() {
    checked(::poll(all_.data(), all_.size(), -1), "poll");
    const auto found = std::ranges::find_if(
        all_, [](const pollfd& entry) { return entry.revents != 0; });
    return found == all_.end() ? -1 : found->fd;
  }

 private:
  std::vector<pollfd> all_;
};

/// epoll(7) with level triggering, TLPI 63.4.
class EpollWaiter {
 public:
  explicit EpollWaiter(std::span<const Fd> fds) {
    for (const Fd& fd : fds) {
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.fd = fd.get();
      checked(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &event), "epoll_ctl");
    }
  }
  int ready() {
    const int size = static_cast<int>(events_.size());
    const int n =
        checked(::epoll_wait(epoll_.get(), events_.data(), size, -1), "epoll_wait");
    return n == 0 ? -1 : events_[0].data.fd;
  }

 private:
  Fd epoll_{checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")};
  std::array<epoll_event, 64> events_{};
};

/// One wait on range(0) descriptors that need not sleep. `per_fd` is in seconds.
template <class Waiter>
void wait_for_one(benchmark::State& state) {
  const std::vector<Fd> fds = mostly_idle(static_cast<std::size_t>(state.range(0)));
  Waiter waiter(fds);
  for (auto _ : state) {
    if (waiter.ready() != fds.back().get()) {
      throw std::runtime_error("the wrong descriptor is ready");
    }
  }
  state.SetItemsProcessed(state.iterations());
  using benchmark::Counter;
  state.counters["per_fd"] =
      Counter(static_cast<double>(state.range(0)),
              Counter::kIsIterationInvariantRate | Counter::kInvert);
}

void wait_select(benchmark::State& state) {
  state.SetLabel("ends at FD_SETSIZE = " + std::to_string(FD_SETSIZE));
  wait_for_one<SelectWaiter>(state);
}

}  // namespace

void add_waiting_primitives() {
  // Real time is what the item's sender waits; process time counts both threads, where
  // the default would leave out the one that echoes.
  for (auto* handed : {
           add_primitive("handover/boost_queue", handover<BoostQueueChannel>),
           add_primitive("handover/condition", handover<ConditionChannel>),
           add_primitive("handover/eventfd", handover<EventfdChannel>),
           add_primitive("handover/pipe", handover<PipeChannel>),
           add_primitive("handover/atomic_wait", handover<AtomicChannel>),
       }) {
    handed->UseRealTime()->MeasureProcessCPUTime();
  }
  auto* const with_select = add_primitive("wait/select", wait_select);
  auto* const with_poll = add_primitive("wait/poll", wait_for_one<PollWaiter>);
  auto* const with_epoll = add_primitive("wait/epoll", wait_for_one<EpollWaiter>);
  for (auto* wait : {with_select, with_poll, with_epoll})
    wait->Arg(10)->Arg(100)->Arg(1000);
  for (auto* wait : {with_poll, with_epoll}) wait->Arg(10'000);  // too many for an fd_set
}

}  // namespace echolab
