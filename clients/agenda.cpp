#include "clients/agenda.hpp"

#include <fmt/format.h>

#include <cmath>

namespace echolab {

std::string Workload::name() const {
  if (!arrivals) return "closed";
  if (arrivals->replay) return "replay";
  return session_requests > 1 ? "partly open" : "open";
}

std::string Workload::text() const {
  if (!told.empty()) return told;
  const std::string thinks = think.is_zero() ? "" : ", think " + think.text();
  if (!arrivals) return "closed loop" + thinks;
  if (session_requests <= 1) return "open loop, " + arrivals->text();
  return fmt::format("partly open, {}, {:g} requests a session{}", arrivals->text(),
                     session_requests, thinks);
}

Agenda::Agenda(const Workload& workload, std::uint64_t seed, Stripe stripe,
               std::size_t connections, std::size_t depth)
    : workload_(workload),
      draw_(seed ^ (stripe.index + 1) << 48),
      free_(std::max<std::size_t>(connections * depth, 1)),
      session_left_(workload.session_requests > 1 ? connections : 0) {
  thinking_.reserve(connections * depth);
  if (!workload.arrivals) return;
  ArrivalPlan arrivals = *workload.arrivals;
  if (workload.session_requests > 1) {  // the rate is that of requests
    arrivals.rate /= workload.session_requests;
    arrivals.rate_end /= workload.session_requests;
  }
  schedule_.emplace(arrivals, seed, stripe.index, stripe.of);
}

void Agenda::end_at(std::int64_t moment_ns) {
  end_ns_ = moment_ns;
  std::erase_if(thinking_, [&](const Thought& t) { return t.moment_ns >= moment_ns; });
  std::ranges::make_heap(thinking_, std::less<>());
}

void Agenda::freed(std::uint32_t connection, std::int64_t now_ns) {
  const bool in_session = !session_left_.empty() && session_left_[connection] > 0;
  if (in_session) --session_left_[connection];
  is_full_ = false;
  if (schedule_ && !in_session) return free_.push({connection, now_ns});
  const std::int64_t end = now_ns + workload_.think.draw_ns(draw_);
  if (end >= end_ns_) return;
  thinking_.push_back({end, connection});
  std::ranges::push_heap(thinking_, std::less<>());
}

void Agenda::was_late(std::int64_t begin_ns, std::int64_t end_ns) {
  const bool is_longer = end_ns - begin_ns > late_end_ns_ - late_begin_ns_;
  if (end_ns <= begin_ns || (arrival_ns() < late_end_ns_ && !is_longer)) return;
  late_begin_ns_ = begin_ns;
  late_end_ns_ = end_ns;
}

Agenda::Ask Agenda::taken(std::int64_t intended_ns, std::int64_t now_ns) {
  const Slot slot = free_.front();
  free_.pop();
  if (!session_left_.empty()) session_left_[slot.connection] = requests_left();
  const std::int64_t free_ns = std::max(intended_ns, slot.freed_ns);
  const std::int64_t late = free_ns < late_end_ns_ ? 0 : late_ns(intended_ns);
  was_late(free_ns, now_ns);
  return {slot.connection, intended_ns, free_ns - late};
}

Agenda::Ask Agenda::end_of_thought() {
  std::ranges::pop_heap(thinking_, std::less<>());
  const Thought thought = thinking_.back();
  thinking_.pop_back();
  return {thought.connection, thought.moment_ns, thought.moment_ns};
}

/// Of a session that begins, after its first: geometric, as its mean says.
std::uint32_t Agenda::requests_left() {
  const double more =
      std::log(draw_.uniform()) / std::log1p(-1 / workload_.session_requests);
  return static_cast<std::uint32_t>(std::min(more, 1e9));
}

std::uint64_t Agenda::waiting(std::int64_t now_ns) const {
  if (!schedule_ || !has_begun()) return 0;
  std::uint64_t count = 0;
  for (Schedule rest = *schedule_; rest.peek(); rest.pop(), ++count)
    if (*rest.peek() + begin_ns_ >= now_ns) break;
  return count;
}

}  // namespace echolab
