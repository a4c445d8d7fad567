// Agenda: which connection asks next, and since when it should have.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "clients/draw.hpp"
#include "clients/load_clock.hpp"
#include "clients/workload.hpp"

namespace echolab {

/// The part of a load that one of `of` threads (of all hosts) has: every of-th arrival.
struct Stripe {
  std::size_t index = 0;
  std::size_t of = 1;
};

/// A slot is one request that a connection may have outstanding. It is taken with next()
/// and given back with freed(). Bounded by the number of slots: arrivals that wait are
/// not stored, they follow from the schedule. Moments are in ns (CLOCK_MONOTONIC). No
/// allocation after it was made.
class Agenda {
 public:
  struct Ask {
    std::uint32_t connection;
    std::int64_t intended_ns;  ///< when it should be sent
    std::int64_t eligible_ns;  ///< when it could be: a slot was free, or would have been
  };

  Agenda(const Workload& workload, std::uint64_t seed, Stripe stripe,
         std::size_t connections, std::size_t depth);

  /// Closed, without thought: whoever was answered asks again, and nobody need ask here.
  [[nodiscard]] bool is_at_once() const {
    return !schedule_ && workload_.think.is_zero();
  }
  [[nodiscard]] bool is_open() const { return schedule_.has_value(); }

  /// The schedule's moments count from here.
  void begin(std::int64_t now_ns) { begin_ns_ = now_ns; }
  [[nodiscard]] bool has_begun() const { return begin_ns_ != never_ns; }
  /// Nothing is asked any more that should be sent at or after `moment_ns`.
  void end_at(std::int64_t moment_ns);

  void freed(std::uint32_t connection, std::int64_t now_ns);
  /// A connection that was full takes one more.
  void has_room() { is_full_ = false; }

  /// Nobody asked here between two moments: the generator was late. Who arrived before
  /// the end of this, and finds the slots taken by the burst that it makes, waits for the
  /// generator first: that much of it is lag, and not the server's back-pressure.
  void was_late(std::int64_t begin_ns, std::int64_t end_ns);

  /// Who asks now; empty: nobody yet. `is_alive(connection)` false: its slot is gone.
  /// Calls `drop(intended_ns, late_ns)` for each arrival that finds no slot and does not
  /// wait, with how much too late it was looked for;
  /// `extra()`, of on_busy any and make, for a connection that takes one more all the
  /// same (empty: none does). It is no slot: freed() is for those within the depth alone.
  template <class IsAlive, class Drop, class Extra>
  std::optional<Ask> next(std::int64_t now_ns, IsAlive&& is_alive, Drop&& drop,
                          Extra&& extra) {
    if (!thinking_.empty() && thinking_.front().moment_ns <= now_ns)
      return end_of_thought();
    while (schedule_ && arrival_ns() <= now_ns) {
      while (!free_.empty() && !is_alive(free_.front().connection)) free_.pop();
      if (free_.empty() && workload_.on_busy == OnBusy::queue) return std::nullopt;
      const std::int64_t intended_ns = arrival_ns();
      if (free_.empty() && workload_.on_busy != OnBusy::drop) {
        const std::optional<std::uint32_t> one_more = extra();
        is_full_ = !one_more;
        if (is_full_) return std::nullopt;
        schedule_->pop();
        return Ask{*one_more, intended_ns, intended_ns};
      }
      schedule_->pop();
      if (!free_.empty()) return taken(intended_ns, now_ns);
      drop(intended_ns, late_ns(intended_ns));
    }
    return std::nullopt;
  }

  /// When next() has somebody, if no slot becomes free before.
  [[nodiscard]] std::int64_t due_ns() const {
    const std::int64_t thought =
        thinking_.empty() ? never_ns : thinking_.front().moment_ns;
    const bool may_take =
        schedule_ &&
        (!free_.empty() || (workload_.on_busy != OnBusy::queue && !is_full_));
    return may_take ? std::min(thought, arrival_ns()) : thought;
  }
  /// Arrivals that should be sent before the end, and were not yet.
  [[nodiscard]] bool has_more() const { return arrival_ns() != never_ns; }

  /// Arrivals before `now_ns` that wait for a slot.
  [[nodiscard]] std::uint64_t waiting(std::int64_t now_ns) const;
  /// Calls `each(intended_ns)` for the arrivals that were never sent, up to the end.
  template <class Each>
  void give_up(Each&& each) {
    for (; has_more(); schedule_->pop()) each(arrival_ns());
  }

 private:
  struct Slot {
    std::uint32_t connection;
    std::int64_t freed_ns;
  };
  struct Thought {
    std::int64_t moment_ns;  ///< its end
    std::uint32_t connection;
    bool operator<(const Thought& other) const { return moment_ns > other.moment_ns; }
  };
  /// First in, first out: the connections take turns.
  class Slots {
   public:
    explicit Slots(std::size_t most) : slots_(most) {}
    [[nodiscard]] bool empty() const { return count_ == 0; }
    [[nodiscard]] const Slot& front() const { return slots_[first_]; }
    void pop() {
      first_ = first_ + 1 == slots_.size() ? 0 : first_ + 1;
      --count_;
    }
    void push(const Slot& slot) { slots_[(first_ + count_++) % slots_.size()] = slot; }

   private:
    std::vector<Slot> slots_;
    std::size_t first_ = 0;
    std::size_t count_ = 0;
  };

  /// Of the next arrival before the end.
  [[nodiscard]] std::int64_t arrival_ns() const {
    if (!schedule_) return never_ns;
    const auto moment = schedule_->peek();
    if (!moment || begin_ns_ == never_ns || *moment + begin_ns_ >= end_ns_)
      return never_ns;
    return *moment + begin_ns_;
  }
  Ask taken(std::int64_t intended_ns, std::int64_t now_ns);
  /// How much of an arrival's waiting was for the generator.
  [[nodiscard]] std::int64_t late_ns(std::int64_t intended_ns) const {
    return std::max<std::int64_t>(0,
                                  late_end_ns_ - std::max(intended_ns, late_begin_ns_));
  }
  Ask end_of_thought();
  std::uint32_t requests_left();

  const Workload workload_;
  Draw draw_;
  std::optional<Schedule> schedule_;
  Slots free_;
  std::vector<Thought> thinking_;            ///< a heap, the soonest in front
  std::vector<std::uint32_t> session_left_;  ///< requests, of each connection's session
  bool is_full_ = false;                     ///< no connection took one more
  std::int64_t late_begin_ns_ = 0;  ///< the longest lateness that concerns who waits
  std::int64_t late_end_ns_ = 0;
  std::int64_t begin_ns_ = never_ns;
  std::int64_t end_ns_ = never_ns;
};

}  // namespace echolab
