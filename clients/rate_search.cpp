#include "clients/rate_search.hpp"

#include <algorithm>
#include <cmath>

namespace echolab {
namespace {

using Purpose = RateTrial::Purpose;

constexpr double growth = 2;
/// Of the samples that are wanted, to have enough of them by chance as well: 368 arrivals
/// of a Poisson process vary by 19 (a standard deviation) …
constexpr double samples_margin = 1.2;
/// … and a trial is made long enough for so many times as many, where that is allowed.
constexpr double samples_wanted = 2;

/// Three significant digits: rates are shown as they were.
double rounded(double rate) {
  const double unit = std::pow(10, std::floor(std::log10(rate)) - 2);
  return std::round(rate / unit) * unit;
}

bool is_broken(Outcome outcome) {
  return outcome != Outcome::kept;
}

double seconds_of(Nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

RateSearch::RateSearch(const RateSearchPlan& plan) : plan_(plan) {
  const double least =
      samples_margin * static_cast<double>(plan_.samples) / seconds_of(plan_.longest);
  plan_.least = rounded(std::max(plan_.least, 1.01 * least));
  plan_.start = rounded(std::clamp(plan_.start, plan_.least, plan_.most));
  next_ = trial(Purpose::grow, plan_.start);
}

const RateAnswer::End* RateSearch::highest_kept() const {
  const End* highest = nullptr;
  for (const auto& [rate, end] : known_)
    if (!end.in_doubt && end.outcome == Outcome::kept) highest = &end;
  return highest;
}

const RateAnswer::End* RateSearch::lowest_broken() const {
  for (const auto& [rate, end] : known_)
    if (!end.in_doubt && is_broken(end.outcome)) return &end;
  return nullptr;
}

const RateAnswer::End* RateSearch::lowest_doubt() const {
  for (const auto& [rate, end] : known_)
    if (end.in_doubt) return &end;
  return nullptr;
}

const RateAnswer::End* RateSearch::highest_doubt() const {
  const End* highest = nullptr;
  for (const auto& [rate, end] : known_)
    if (end.in_doubt) highest = &end;
  return highest;
}

RateTrial RateSearch::trial(Purpose purpose, double rate) const {
  const Nanoseconds length = purpose == Purpose::confirm ? plan_.duration : plan_.brief;
  const double wanted_s =
      samples_wanted * stretch_ * static_cast<double>(plan_.samples) / rate;
  const double length_s =
      std::clamp(wanted_s, seconds_of(length), seconds_of(plan_.longest));
  return {purpose, rate, Nanoseconds(std::llround(length_s * 1e9))};
}

std::optional<RateTrial> RateSearch::narrow(const End* low, const End* high) const {
  if (low == nullptr || high == nullptr) return std::nullopt;
  const double middle = rounded(std::sqrt(low->rate * high->rate));
  const bool wide = high->rate / low->rate > (1 + plan_.precision) * (1 + 1e-9);
  if (!wide || middle <= low->rate || middle >= high->rate) return std::nullopt;
  return trial(Purpose::narrow, middle);
}

std::optional<RateTrial> RateSearch::choose() const {
  const End* low = highest_kept();
  const End* high = lowest_broken();
  const bool doubts = lowest_doubt() != nullptr;
  const End* above_low = doubts ? lowest_doubt() : high;
  const End* below_high = doubts ? highest_doubt() : low;
  if (high == nullptr && below_high->rate < plan_.most)
    return trial(Purpose::grow, rounded(std::min(below_high->rate * growth, plan_.most)));
  if (low == nullptr && above_low->rate > plan_.least)
    return trial(Purpose::shrink,
                 rounded(std::max(above_low->rate / growth, plan_.least)));
  if (const auto lower = narrow(low, above_low)) return lower;
  if (const auto upper = narrow(below_high, high)) return upper;
  for (const End* end : {low, high})
    if (end != nullptr && !end->confirmed) return trial(Purpose::confirm, end->rate);
  return std::nullopt;
}

std::optional<RateTrial> RateSearch::next() const {
  return gave_up_ ? std::nullopt : next_;
}

bool RateSearch::is_to_be_repeated(const RateTrial& now, Outcome outcome) const {
  if (repeated_ || outcome == Outcome::kept) return false;
  if (now.purpose == Purpose::confirm) return outcome == Outcome::noisy;
  return now.length <= 2 * plan_.brief;
}

/// Between two confirming trials that disagree, or on the wrong side of such a rate.
bool RateSearch::is_in_doubt(const RateTrial& now, Outcome outcome) const {
  const bool broken = is_broken(outcome);
  if (now.purpose == Purpose::confirm)
    return contradicted_ && is_broken(known_.at(now.rate).outcome) == broken;
  const End* lowest = lowest_doubt();
  if (lowest == nullptr) return false;
  return broken ? now.rate < lowest->rate : now.rate > highest_doubt()->rate;
}

void RateSearch::believe(const RateTrial& now, Outcome outcome) {
  const bool confirming = now.purpose == Purpose::confirm;
  const bool broken = is_broken(outcome);
  repeated_ = false;
  if (confirming && !contradicted_ && is_broken(known_.at(now.rate).outcome) != broken) {
    contradicted_ = true;
    ++contradictions_;
    return;
  }
  const bool in_doubt = is_in_doubt(now, outcome);
  contradicted_ = false;
  known_[now.rate] = {now.rate, outcome, confirming && !in_doubt, trials_, in_doubt};
  if (confirming && !in_doubt)  // what lies on its wrong side was a doubt too many
    std::erase_if(known_, [&](const auto& known) {
      const auto& [rate, end] = known;
      return end.in_doubt && (broken ? rate > now.rate : rate < now.rate);
    });
  next_ = choose();
}

void RateSearch::tell(Outcome outcome) {
  if (!next()) return;
  const RateTrial now = *next_;
  ++trials_;
  past_ += now.length;
  if (outcome == Outcome::failed) {
    gave_up_ = Kind::failed;
  } else if (outcome == Outcome::too_few) {
    if (now.length >= plan_.longest) gave_up_ = Kind::too_few;
    stretch_ *= 2;
    next_ = trial(now.purpose, now.rate);
  } else if (is_to_be_repeated(now, outcome)) {
    repeated_ = true;
  } else {
    believe(now, outcome);
  }
  if (gave_up_ || !next_) return;
  if (contradictions_ > plan_.most_contradictions)
    gave_up_ = Kind::noisy;
  else if (is_spent())
    gave_up_ = Kind::spent;
}

bool RateSearch::is_spent() const {
  return trials_ >= plan_.most_trials || past_ + next_->length > plan_.budget;
}

RateAnswer::Kind RateSearch::ended_kind() const {
  const End* low = highest_kept();
  const End* high = lowest_broken();
  if (lowest_doubt() != nullptr && (low == nullptr || high == nullptr))
    return Kind::noisy;
  if (high == nullptr || high->outcome == Outcome::client_bound) return Kind::at_least;
  if (high->outcome == Outcome::noisy) return Kind::noisy;
  return low == nullptr ? Kind::none_kept : Kind::interval;
}

RateAnswer RateSearch::answer() const {
  RateAnswer answer;
  if (next()) {
    answer.kind = Kind::unfinished;
  } else {
    answer.kind = gave_up_ ? *gave_up_ : ended_kind();
  }
  const bool only_confirmed = answer.kind == Kind::noisy || answer.kind == Kind::spent;
  for (const auto& [rate, end] : known_) {
    answer.doubts = answer.doubts || end.in_doubt;
    if (end.in_doubt || (only_confirmed && !end.confirmed)) continue;
    if (end.outcome == Outcome::kept) answer.kept = end;
    if (is_broken(end.outcome) && !answer.broken) answer.broken = end;
  }
  return answer;
}

}  // namespace echolab
