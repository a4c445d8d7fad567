// MeasuredWindow: what a load thread counts between two moments.
#pragma once

#include <cstdint>

#include "clients/intervals.hpp"
#include "clients/load.hpp"
#include "clients/load_clock.hpp"
#include "clients/steadiness.hpp"

namespace echolab {

/// The life of one request: CLOCK_MONOTONIC, in ns.
struct Stamps {
  std::int64_t intended_ns = 0;  ///< when it should be sent
  std::int64_t eligible_ns = 0;  ///< when it could be: a slot free, the socket writable
  std::int64_t sent_ns = 0;      ///< when its first byte was handed to the kernel
};

/// Of one thread, which calls begin() and end(): the CPU time is its own. It ends by
/// itself with the last request of a quota. A request counts that was answered inside;
/// the histograms of an open loop hold those that were intended inside, whenever they are
/// answered: whoever waits for long must not fall out of the count.
class MeasuredWindow {
 public:
  /// `quota`: requests to count; 0: no end. `interval_ns`: 0: none are kept.
  MeasuredWindow(std::uint64_t quota, bool is_open_loop, std::int64_t interval_ns = 0)
      : quota_(quota), by_intention_(is_open_loop), intervals_(interval_ns) {}

  /// For who takes them while the window goes on.
  [[nodiscard]] Intervals& intervals() { return intervals_; }

  /// `length_ns`: as planned.
  void begin(std::int64_t now_ns, std::int64_t length_ns) {
    begin_ns_ = now_ns;
    parts_.begin(now_ns, length_ns);
    intervals_.begin(now_ns);
    cpu_begin_ns_ = clock_ns(CLOCK_THREAD_CPUTIME_ID);
  }
  /// Once it has begun; only the first end counts.
  void end(std::int64_t now_ns) {
    if (!is_open()) return;
    end_ns_ = now_ns;
    intervals_.end(now_ns);
    cpu_end_ns_ = clock_ns(CLOCK_THREAD_CPUTIME_ID);
  }
  [[nodiscard]] bool is_open() const { return has_begun() && end_ns_ == never_ns; }
  [[nodiscard]] bool has_begun() const { return begin_ns_ != never_ns; }
  [[nodiscard]] std::int64_t end_ns() const { return end_ns_; }
  [[nodiscard]] bool quota_met() const { return quota_ > 0 && counted_ == quota_; }
  [[nodiscard]] bool has(std::int64_t moment_ns) const {
    return moment_ns >= begin_ns_ && moment_ns < end_ns_;
  }

  void sent(const Stamps& stamps) {
    if (by_intention_ && has(stamps.intended_ns)) ++offered_;
  }
  /// An arrival that is not sent at all. `late_ns`: how much too late it was looked for;
  /// of one that was looked for in time no lag is told.
  void drop(std::int64_t intended_ns, std::int64_t late_ns) {
    if (!has(intended_ns)) return;
    ++offered_;
    ++dropped_;
    if (late_ns > 0) lag_.record(late_ns);
  }
  /// A verified reply. True when it counts, that is, while the window is open.
  bool count(const Stamps& stamps, std::int64_t received_ns) {
    const bool counts = is_open();
    if (by_intention_ ? has(stamps.intended_ns) : counts) record(stamps, received_ns);
    if (!counts) return false;
    ++counted_;
    parts_.count(received_ns);
    if (quota_met()) end(received_ns);
    return true;
  }
  /// One that was intended inside and has no reply at `now_ns`: it takes so long or
  /// longer.
  void give_up(std::int64_t intended_ns, std::int64_t now_ns) {
    if (!by_intention_ || !has(intended_ns)) return;
    record_response(now_ns - intended_ns, now_ns);
    ++unfinished_;
  }
  void give_up_unsent(std::int64_t intended_ns, std::int64_t now_ns) {
    if (has(intended_ns)) ++offered_;
    give_up(intended_ns, now_ns);
  }

  /// A connection wanted a reply from one moment to the other and had none meanwhile:
  /// what of it lies inside counts.
  void starved(std::int64_t since_ns, std::int64_t until_ns) {
    longest_starvation_ns_ =
        std::max(longest_starvation_ns_,
                 std::min(until_ns, end_ns_) - std::max(since_ns, begin_ns_));
  }

  void add_to(LoadResult& result) const {
    if (slowest_ns_ >= 0 && (result.response.count() == 0 ||
                             slowest_ns_ > std::int64_t(result.response.max_ns())))
      result.slowest_at_ns = slowest_at_ns_ - begin_ns_;
    result.response.merge(response_);
    result.details->service.merge(service_);
    result.details->blocked.merge(blocked_);
    result.details->lag.merge(lag_);
    result.requests += counted_;
    for (std::size_t i = 0; i < result.parts.size(); ++i)
      result.parts[i] += parts_.parts()[i];
    result.offered += offered_;
    result.dropped += dropped_;
    result.unfinished += unfinished_;
    result.longest_starvation_ns =
        std::max(result.longest_starvation_ns.value_or(0), longest_starvation_ns_);
    if (!has_begun() || is_open()) return;
    result.client_cpu_ns += static_cast<double>(cpu_end_ns_ - cpu_begin_ns_);
    result.seconds =
        std::max(result.seconds, static_cast<double>(end_ns_ - begin_ns_) / 1e9);
  }

 private:
  void record(const Stamps& stamps, std::int64_t received_ns) {
    record_response(received_ns - stamps.intended_ns, received_ns);
    service_.record(received_ns - stamps.sent_ns);
    blocked_.record(stamps.eligible_ns - stamps.intended_ns);
    lag_.record(stamps.sent_ns - stamps.eligible_ns);
  }
  void record_response(std::int64_t response_ns, std::int64_t at_ns) {
    if (response_ns > slowest_ns_) {
      slowest_ns_ = response_ns;
      slowest_at_ns_ = at_ns;
    }
    response_.record(response_ns);
    if (intervals_.are_kept()) intervals_.record(response_ns, at_ns);
  }

  const std::uint64_t quota_;
  const bool by_intention_;
  Intervals intervals_;
  Histogram response_;
  Histogram service_;
  Histogram blocked_;
  Histogram lag_;
  PartCounter parts_;
  std::uint64_t counted_ = 0;
  std::uint64_t offered_ = 0;
  std::uint64_t dropped_ = 0;
  std::uint64_t unfinished_ = 0;
  std::int64_t longest_starvation_ns_ = 0;
  std::int64_t slowest_ns_ = -1;
  std::int64_t slowest_at_ns_ = 0;
  std::int64_t begin_ns_ = never_ns;
  std::int64_t end_ns_ = never_ns;
  std::int64_t cpu_begin_ns_ = 0;
  std::int64_t cpu_end_ns_ = 0;
};

}  // namespace echolab
