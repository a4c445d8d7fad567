// LoadThread: the phases of one thread's share of a load, whatever its clients speak.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "clients/agenda.hpp"
#include "clients/load.hpp"
#include "clients/measured_window.hpp"

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
  std::size_t spare = 0;    ///< connections that are made when they are needed
  std::uint64_t quota = 0;  ///< requests to count; 0: no end
  Stripe stripe{};          ///< of the arrivals
};

/// Of one thread's counters, which others read: no lock, and no lock prefix.
template <class Counter>
void add(Counter& counter, std::uint64_t n = 1) {
  counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

/// From the first connect to the last close: a load in its phases. How clients connect,
/// ask and are heard is the derived loop's.
class LoadThread {
  template <class Counter>
  static auto load(const Counter& counter) {
    return counter.load(std::memory_order_relaxed);
  }

 public:
  LoadThread(const LoadPlan& plan, const Share& share, const Timetable& timetable);
  LoadThread(const LoadThread&) = delete;
  LoadThread& operator=(const LoadThread&) = delete;
  virtual ~LoadThread() = default;

  void run();
  [[nodiscard]] Intervals& intervals() { return window_.intervals(); }
  /// After run(): adds what this thread measured.
  virtual void add_to(LoadResult& result) const;

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
  // --- what a loop does in each phase
  [[nodiscard]] virtual std::int64_t now_ns() const { return clock_ns(); }
  /// In the thread that runs. Whatever it throws ends the thread's share before it began.
  virtual void begin() {}
  /// Starts as many as may be under way. False: none is, though not all are connected.
  virtual bool connect_some() = 0;
  virtual void give_up_connecting() = 0;
  /// Each connection asks once.
  virtual void greet() = 0;
  /// Every slot is free, but for those that wait for the reply to their greeting.
  virtual void take_up(std::int64_t now_ns) = 0;
  /// One wait and what it brings. Calls follow_phase() after the wait, and keep_time().
  virtual void turn(std::int64_t at_most_ns) = 0;
  /// Nothing is asked any more: connections end with the reply to what they asked.
  virtual void finish() = 0;
  /// No connection is left.
  [[nodiscard]] virtual bool is_over() const = 0;
  /// Connections that are left when nobody waits any longer.
  virtual void give_up_the_rest() = 0;

  // --- what is the same for all
  void follow_phase() {
    const Phase phase = timetable_.phase.load(std::memory_order_acquire);
    if (phase != now_in_) enter(phase);
    if (window_.intervals().are_kept()) window_.intervals().pass(now_ns());
  }
  [[nodiscard]] bool is_due(std::int64_t now_ns) const { return boundary_ns_ <= now_ns; }
  /// The load begins, the window begins, the window ends: each at its moment, which all
  /// threads have from the timetable, however late they see it.
  void pass_boundary();
  /// When a boundary comes, or somebody asks.
  [[nodiscard]] std::int64_t due_ns() const {
    return std::min(boundary_ns_, agenda_.due_ns());
  }
  /// To be called when the agenda has been followed: after the window all was sent.
  void drain_if_over() {
    if (now_in_ == Phase::draining && !is_draining_ && !agenda_.has_more()) drain();
  }
  [[nodiscard]] bool is_draining() const { return is_draining_; }
  /// Of one connection. `kind`: its counter among errors_.
  void note_failure(std::uint64_t& kind, const std::string& why) {
    ++kind;
    add(failures_);
    if (first_failure_.empty()) first_failure_ = why;
  }

  const LoadPlan& plan_;
  const Share share_;
  Agenda agenda_;
  MeasuredWindow window_;
  std::uint64_t outstanding_ = 0;  ///< requests, of all connections
  LoadErrors errors_;
  std::string first_failure_;

  std::atomic<std::size_t> settled_{0};  ///< connections that came about, or failed
  std::atomic<std::size_t> connected_{0};
  std::atomic<std::uint64_t> answered_{0};
  std::atomic<std::size_t> served_{0};
  std::atomic<std::uint64_t> failures_{0};
  std::atomic<bool> quota_met_{false};

 private:
  bool has_begun();
  void enter(Phase phase);
  void drain();
  void give_up_asking();
  [[nodiscard]] std::uint64_t unanswered_arrivals(std::int64_t now_ns) const;

  const Timetable& timetable_;
  Phase now_in_ = Phase::connecting;
  bool is_draining_ = false;             ///< nothing is asked any more
  std::int64_t boundary_ns_ = never_ns;  ///< of the load or its window, the next one
  std::uint64_t backlog_at_begin_ = 0;   ///< arrivals without a reply
  std::uint64_t backlog_at_end_ = 0;
  std::atomic<bool> finished_{false};
};

}  // namespace echolab
