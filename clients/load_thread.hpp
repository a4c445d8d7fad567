// LoadThread: the clients of one thread, in one epoll loop.
#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "clients/closed_loop.hpp"
#include "clients/load.hpp"
#include "clients/work_caller.hpp"
#include "common/buffer.hpp"
#include "common/drive.hpp"

namespace echolab {

/// Set by the one who runs the load, read by all threads.
enum class Phase { connecting, greeting, warm_up, measuring, cooling, draining };

/// A load thread as others see it.
class LoadThread {
  template <class Counter>
  static auto load(const Counter& counter) {
    return counter.load(std::memory_order_relaxed);
  }

 public:
  LoadThread() = default;
  LoadThread(const LoadThread&) = delete;
  LoadThread& operator=(const LoadThread&) = delete;
  virtual ~LoadThread() = default;

  /// From the first connect to the last close.
  virtual void run() = 0;
  /// After run(): adds what this thread measured.
  virtual void add_to(LoadResult& result) const = 0;

  // Readable by others at any time (relaxed: for progress and for phase changes).
  [[nodiscard]] std::size_t settled() const { return load(settled_); }
  [[nodiscard]] std::size_t connected() const { return load(connected_); }
  [[nodiscard]] std::uint64_t answered() const { return load(answered_); }
  /// Connections that had a reply, ever.
  [[nodiscard]] std::size_t served() const { return load(served_); }
  [[nodiscard]] std::uint64_t failures() const { return load(failures_); }
  [[nodiscard]] bool quota_met() const { return quota_met_.load(); }
  [[nodiscard]] bool finished() const { return finished_.load(); }

 protected:
  std::atomic<std::size_t> settled_{0};  ///< connections that came about, or failed
  std::atomic<std::size_t> connected_{0};
  std::atomic<std::uint64_t> answered_{0};
  std::atomic<std::size_t> served_{0};
  std::atomic<std::uint64_t> failures_{0};
  std::atomic<bool> quota_met_{false};
  std::atomic<bool> finished_{false};
};

/// The clients of one thread, each a `Caller` (EchoCaller, WorkCaller): chosen once per
/// load, so that a message meets neither a virtual call nor a branch. Everything belongs
/// to the thread that calls run(). No lock and no allocation once all connections are
/// made.
template <class Caller>
class LoadLoop final : public LoadThread {
 public:
  /// `first`: the index of its first connection among all, for the words and sources.
  LoadLoop(const LoadPlan& plan, const typename Caller::Words& words,
           std::span<const Address> addresses, std::size_t first, std::size_t count,
           std::uint64_t quota, const std::atomic<Phase>& phase);

  void run() override;
  void add_to(LoadResult& result) const override;

 private:
  enum class State { unborn, connecting, open, closing, closed };

  // Two cache lines, what a message touches first: with thousands of connections, misses
  // are most of what a generator costs beyond its system calls.
  struct alignas(64) Connection {
    Connection(Caller c, std::int64_t* stamps) : caller(c), intended_ns(stamps) {}
    Caller caller;
    Fd fd;
    State state = State::unborn;
    std::uint32_t waits_for = 0;  ///< EPOLLIN, EPOLLOUT
    std::uint64_t asked = 0;      ///< requests
    std::uint64_t answered = 0;   ///< of them
    std::uint64_t in_window = 0;  ///< of them
    std::int64_t* intended_ns;    ///< of request k, at k & stamp_mask_
  };

  void connect_some();
  bool start(Connection& connection, std::size_t index);
  void established(Connection& connection);
  void give_up_connecting();
  void enter(Phase phase);
  void drain();
  void turn(int timeout_ms);
  void on_event(Connection& connection, std::uint32_t events);
  void hear(Connection& connection);
  void record_answers(Connection& connection, std::int64_t now_ns);
  void ask_and_send(Connection& connection, std::int64_t now_ns);
  void send_more(Connection& connection);
  void end_if_done(Connection& connection);
  void watch(Connection& connection, std::uint32_t events);
  void fail(Connection& connection, std::uint64_t& kind, const std::string& why);
  void close(Connection& connection);

  const LoadPlan& plan_;
  const std::span<const Address> addresses_;
  const std::size_t first_;
  const std::uint64_t quota_;  ///< requests to count; 0: no end
  const std::atomic<Phase>& phase_;
  const ClosedLoop workload_;
  const std::uint64_t request_bytes_;

  Fd epoll_;
  Buffer memory_;  ///< received bytes, checked at once: one for all connections
  const std::uint64_t stamp_mask_;  ///< of a connection's ring of stamps
  std::vector<std::int64_t> stamps_;
  std::vector<Connection> connections_;
  std::vector<epoll_event> events_;
  std::size_t unborn_ = 0;  ///< index of the next to connect
  std::size_t connecting_ = 0;
  std::size_t alive_ = 0;
  Phase now_in_ = Phase::connecting;

  Histogram latency_;
  std::uint64_t counted_ = 0;
  LoadErrors errors_;
  std::string first_failure_;
  std::int64_t window_begin_ns_ = 0;
  std::int64_t window_end_ns_ = 0;
  std::int64_t cpu_begin_ns_ = 0;
  std::int64_t cpu_end_ns_ = 0;
};

extern template class LoadLoop<EchoCaller>;
extern template class LoadLoop<WorkCaller>;

}  // namespace echolab
