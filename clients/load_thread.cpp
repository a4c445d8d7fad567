#include "clients/load_thread.hpp"

namespace echolab {

LoadThread::LoadThread(const LoadPlan& plan, const Share& share,
                       const Timetable& timetable)
    : plan_(plan),
      share_(share),
      agenda_(plan.workload, plan.seed, share.stripe, share.connections + share.spare,
              plan.pipeline),
      window_(share.quota, plan.workload.is_open(), plan.interval.count()),
      timetable_(timetable) {}

bool LoadThread::has_begun() try {
  begin();
  return true;
} catch (const std::exception& error) {
  first_failure_ = error.what();
  errors_.connect += share_.connections;
  add(settled_, share_.connections);
  add(failures_, share_.connections);
  finished_.store(true);
  return false;
}

void LoadThread::run() {
  if (!has_begun()) return;
  wake_in_time();
  const std::int64_t limit_ns = plan_.timeout.count();
  for (const std::int64_t begin = now_ns();
       settled() < share_.connections && now_in_ == Phase::connecting;) {
    turn(connect_some() ? tick_ns : tick_ns / 10);
    if (now_ns() - begin > limit_ns) give_up_connecting();
  }
  while (now_in_ != Phase::draining) turn(tick_ns);
  for (const std::int64_t begin = now_ns(); !is_over() && now_ns() - begin < limit_ns;) {
    turn(tick_ns);
    if (!is_draining_ && now_ns() - begin > limit_ns / 2) give_up_asking();
  }
  give_up_the_rest();
  if (!is_draining_) give_up_asking();
  finished_.store(true);
}

void LoadThread::enter(Phase phase) {
  const bool may_begin = now_in_ < Phase::warm_up;  // a phase of 0 ms may pass unseen
  now_in_ = phase;
  if (phase == Phase::greeting) greet();
  if (may_begin && phase >= Phase::warm_up) boundary_ns_ = timetable_.load_begin_ns;
  if (phase == Phase::measuring) {
    answered_.store(0, std::memory_order_relaxed);
    if (boundary_ns_ == never_ns) boundary_ns_ = timetable_.window_begin_ns;
  }
  if (phase < Phase::cooling) return;
  const std::int64_t end = std::min(now_ns(), timetable_.window_end_ns);
  if (window_.is_open()) backlog_at_end_ = unanswered_arrivals(end);
  window_.end(end);
  boundary_ns_ = never_ns;
  if (phase < Phase::draining) return;
  // What was intended inside the window is still sent, and followed to its reply.
  agenda_.end_at(agenda_.is_open() && window_.has_begun() ? window_.end_ns() : 0);
  if (!agenda_.has_more()) drain();
}

void LoadThread::pass_boundary() {
  const std::int64_t moment = boundary_ns_;
  boundary_ns_ = never_ns;
  if (!agenda_.has_begun()) {
    agenda_.begin(moment);
    take_up(moment);
    if (now_in_ >= Phase::measuring) boundary_ns_ = timetable_.window_begin_ns;
  } else if (!window_.has_begun()) {
    window_.begin(moment, timetable_.window_end_ns - moment);
    backlog_at_begin_ = unanswered_arrivals(moment);
    boundary_ns_ = timetable_.window_end_ns;
  } else {
    window_.end(moment);
    backlog_at_end_ = unanswered_arrivals(moment);
  }
}

void LoadThread::drain() {
  is_draining_ = true;
  finish();
}

/// Arrivals that still wait are not sent any more: the server did not come to them.
void LoadThread::give_up_asking() {
  const std::int64_t now = now_ns();
  agenda_.give_up([&](std::int64_t intended) { window_.give_up_unsent(intended, now); });
  drain();
}

std::uint64_t LoadThread::unanswered_arrivals(std::int64_t now) const {
  return agenda_.is_open() ? outstanding_ + agenda_.waiting(now) : 0;
}

void LoadThread::add_to(LoadResult& result) const {
  window_.add_to(result);
  result.backlog_growth += static_cast<std::int64_t>(backlog_at_end_) -
                           static_cast<std::int64_t>(backlog_at_begin_);
  result.errors += errors_;
  result.connected += connected();
  if (result.first_failure.empty()) result.first_failure = first_failure_;
}

}  // namespace echolab
