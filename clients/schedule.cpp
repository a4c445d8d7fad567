// Compiled with -ffp-contract=off, like draw.cpp.
#include "clients/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace echolab {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

}  // namespace

Schedule::Schedule(const ArrivalPlan& plan, std::uint64_t seed, std::size_t stripe,
                   std::size_t stripes)
    : plan_(plan),
      shape_(1 / (plan.cv * plan.cv)),
      stripes_(stripes),
      draw_(seed),
      expected_(0),
      index_(stripe) {
  if (plan_.replay) {
    if (index_ < plan_.replay->size()) next_ns_ = (*plan_.replay)[index_];
    return;
  }
  if (!(plan_.rate > 0) || plan_.rate_end < 0 || (plan_.on_ns > 0 && plan_.rate_end > 0))
    throw std::invalid_argument("a schedule needs a rate, and a ramp or bursts at most");
  piece_ = piece_at(0);
  expected_ = piece_.expected();
  const bool begins_with_gap = plan_.law != ArrivalPlan::Law::fixed;
  pass(stripe + (begins_with_gap ? 1 : 0));
  next_ns_ = moment_ns();
}

void Schedule::pop() {
  if (!next_ns_) return;
  ++popped_;
  if (plan_.replay) {
    index_ += stripes_;
    next_ns_.reset();
    if (index_ < plan_.replay->size()) next_ns_ = (*plan_.replay)[index_];
    return;
  }
  pass(stripes_);
  next_ns_ = moment_ns();
}

double Schedule::gap() {
  switch (plan_.law) {
    case ArrivalPlan::Law::fixed:
      return 1;
    case ArrivalPlan::Law::poisson:
      return draw_.exponential();
    case ArrivalPlan::Law::gamma:
      return draw_.gamma(shape_);
  }
  return 1;
}

void Schedule::pass(std::size_t arrivals) {
  // One by one, however many stripes there are: sums of sums would be rounded otherwise.
  for (; arrivals > 0; --arrivals) {
    since_ += gap();
    while (since_ >= expected_) {
      since_ -= expected_;
      piece_ = piece_at(piece_.begin_ns + piece_.length_ns);
      expected_ = piece_.expected();
    }
  }
}

std::int64_t Schedule::moment_ns() const {
  // since_ = rate_begin t + slope t² / 2, solved so that no difference loses digits.
  double t = 0;
  if (piece_.rate_begin == piece_.rate_end) {
    t = since_ * 1e9 / piece_.rate_begin;
  } else {
    const double slope = (piece_.rate_end - piece_.rate_begin) / piece_.seconds();
    const double square = piece_.rate_begin * piece_.rate_begin + 2 * slope * since_;
    t = 2e9 * since_ / (piece_.rate_begin + std::sqrt(std::max(square, 0.0)));
  }
  return piece_.begin_ns + std::min<std::int64_t>(std::llround(t), piece_.length_ns);
}

Schedule::Piece Schedule::piece_at(std::int64_t begin_ns) const {
  if (plan_.on_ns > 0) {
    const std::int64_t period_ns = plan_.on_ns + plan_.off_ns;
    const std::int64_t inside_ns = begin_ns % period_ns;
    if (inside_ns >= plan_.on_ns) return {begin_ns, period_ns - inside_ns, 0, 0};
    const double rate =
        plan_.rate * static_cast<double>(period_ns) / static_cast<double>(plan_.on_ns);
    return {begin_ns, std::min(second_ns, plan_.on_ns - inside_ns), rate, rate};
  }
  const std::int64_t ramp_end_ns = plan_.ramp_begin_ns + plan_.ramp_ns;
  if (plan_.rate_end == 0 || plan_.rate_end == plan_.rate)
    return {begin_ns, second_ns, plan_.rate, plan_.rate};
  if (begin_ns < plan_.ramp_begin_ns)
    return {begin_ns, std::min(second_ns, plan_.ramp_begin_ns - begin_ns), plan_.rate,
            plan_.rate};
  if (begin_ns >= ramp_end_ns)
    return {begin_ns, second_ns, plan_.rate_end, plan_.rate_end};
  const auto rate_at = [&](std::int64_t ns) {
    const double share = static_cast<double>(ns - plan_.ramp_begin_ns) /
                         static_cast<double>(plan_.ramp_ns);
    return plan_.rate + (plan_.rate_end - plan_.rate) * share;
  };
  const std::int64_t length_ns = std::min(second_ns, ramp_end_ns - begin_ns);
  return {begin_ns, length_ns, rate_at(begin_ns), rate_at(begin_ns + length_ns)};
}

}  // namespace echolab
