// LoadThread: the clients of one thread, in one epoll loop.
#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "clients/agenda.hpp"
#include "clients/load.hpp"
#include "clients/measured_window.hpp"
#include "clients/work_caller.hpp"
#include "common/buffer.hpp"
#include "common/drive.hpp"

namespace echolab {

/// Set by the one who runs the load, read by all threads.
enum class Phase { connecting, greeting, warm_up, measuring, cooling, draining };

/// What all threads of a load go by. Moments are written before the phase that they are
/// for is entered, and lie a tick ahead, so that all threads begin and end alike.
struct Timetable {
  std::atomic<Phase> phase{Phase::connecting};
  std::int64_t load_begin_ns = never_ns;    ///< for warm_up and later
  std::int64_t window_begin_ns = never_ns;  ///< for measuring and later
  std::int64_t window_end_ns = never_ns;
};

/// The part of a load that one thread has.
struct Share {
  std::size_t first = 0;  ///< the index of its first connection among all
  std::size_t connections = 0;
  std::uint64_t quota = 0;  ///< requests to count; 0: no end
  Stripe stripe;            ///< of the arrivals
};

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
  LoadLoop(const LoadPlan& plan, const typename Caller::Words& words,
           std::span<const Address> addresses, const Share& share,
           const Timetable& timetable);

  void run() override;
  void add_to(LoadResult& result) const override;

 private:
  enum class State : std::uint8_t { unborn, connecting, open, closing, closed };

  struct Request : Stamps {
    std::uint64_t end = 0;  ///< where it ends among all bytes of its connection
  };

  // Two cache lines, what a message touches first: with thousands of connections, misses
  // are most of what a generator costs beyond its system calls.
  struct alignas(64) Connection {
    Connection(Caller c, Request* r) : caller(c), requests(r) {}
    Caller caller;
    Fd fd;
    State state = State::unborn;
    bool is_blocked = false;      ///< the socket takes no more
    std::uint32_t waits_for = 0;  ///< EPOLLIN, EPOLLOUT
    std::uint64_t asked = 0;      ///< requests
    std::uint64_t begun = 0;      ///< of them: the first byte left
    std::uint64_t begun_end = 0;  ///< where those end: Request::end
    std::uint64_t answered = 0;   ///< of them
    std::uint64_t in_window = 0;  ///< of them
    Request* requests;            ///< number k at k & ring_mask_
  };

  // --- from the first connect to the last close
  void connect_some();
  bool start(Connection& connection, std::size_t index);
  void established(Connection& connection);
  void give_up_connecting();
  void enter(Phase phase);
  void begin_load(std::int64_t now_ns);
  void pass_boundary(std::int64_t now_ns);
  void drain();
  void give_up_asking();
  void give_up_the_rest();
  // --- one turn of the loop
  void turn(std::int64_t at_most_ns);
  void keep_time(std::int64_t now_ns);
  [[nodiscard]] std::int64_t due_ns() const;
  void on_event(Connection& connection, std::uint32_t events);
  // --- one connection
  void hear(Connection& connection);
  void record_answers(Connection& connection, std::int64_t now_ns);
  void ask_all(Connection& connection, std::int64_t now_ns);
  void ask(Connection& connection, std::int64_t intended_ns, std::int64_t eligible_ns);
  void send_more(Connection& connection, std::int64_t now_ns);
  void stamp_begun(Connection& connection, std::int64_t now_ns);
  void end_if_done(Connection& connection);
  void watch(Connection& connection, std::uint32_t events);
  void fail(Connection& connection, std::uint64_t& kind, const std::string& why);
  void close(Connection& connection);
  // --- what was wrong, in words: only of a connection that has failed
  struct Part {
    std::uint64_t bytes;
    std::string text;
  };
  void fail_wrong(Connection& connection);
  void fail_ended(Connection& connection, std::uint64_t& kind, const std::string& why);
  void add_places(const Connection& connection, std::vector<RequestPlace>& places) const;
  [[nodiscard]] Part part_of_reply(const Connection& connection) const;
  [[nodiscard]] std::string told_silence(const Connection& connection) const;

  [[nodiscard]] std::size_t index_of(const Connection& connection) const {
    return static_cast<std::size_t>(&connection - connections_.data());
  }
  [[nodiscard]] std::int64_t& opened_ns(const Connection& connection) {
    return opened_ns_[index_of(connection)];
  }
  [[nodiscard]] std::uint64_t unanswered_arrivals(std::int64_t now_ns) const;

  const LoadPlan& plan_;
  const std::span<const Address> addresses_;
  const Share share_;
  const Timetable& timetable_;
  const SizeLaw sizes_;        ///< of requests, on the wire
  const std::uint64_t depth_;  ///< requests outstanding per connection

  Fd epoll_;
  Buffer memory_;  ///< received bytes, checked at once: one for all connections
  const std::uint64_t ring_mask_;  ///< of a connection's ring of requests
  std::vector<Request> requests_;
  std::vector<Connection> connections_;
  std::vector<std::int64_t> opened_ns_;  ///< of each connection: connect(); half-close
  std::vector<epoll_event> events_;
  std::size_t unborn_ = 0;  ///< index of the next to connect
  std::size_t connecting_ = 0;
  std::size_t alive_ = 0;
  Phase now_in_ = Phase::connecting;
  bool is_draining_ = false;             ///< nothing is asked any more
  std::int64_t boundary_ns_ = never_ns;  ///< of the load or its window, the next one

  Agenda agenda_;
  MeasuredWindow window_;
  std::uint64_t outstanding_ = 0;       ///< requests, of all connections
  std::uint64_t backlog_at_begin_ = 0;  ///< arrivals without a reply
  std::uint64_t backlog_at_end_ = 0;
  LoadErrors errors_;
  Histogram connect_;
  Histogram first_byte_;
  Histogram close_;
  std::string first_failure_;
};

extern template class LoadLoop<EchoCaller>;
extern template class LoadLoop<WorkCaller>;

}  // namespace echolab
