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
    if (end.outcome == Outcome::kept) highest = &end;
  return highest;
}

const RateAnswer::End* RateSearch::lowest_broken() const {
  const auto lowest = std::ranges::find_if(
      known_, [](const auto& known) { return is_broken(known.second.outcome); });
  return lowest == known_.end() ? nullptr : &lowest->second;
}

RateTrial RateSearch::trial(Purpose purpose, double rate) const {
  const Nanoseconds length = purpose == Purpose::confirm ? plan_.duration : plan_.brief;
  const double wanted_s =
      samples_wanted * stretch_ * static_cast<double>(plan_.samples) / rate;
  const double length_s =
      std::clamp(wanted_s, seconds_of(length), seconds_of(plan_.longest));
  return {purpose, rate, Nanoseconds(std::llround(length_s * 1e9))};
}

std::optional<RateTrial> RateSearch::choose() const {
  const End* low = highest_kept();
  const End* high = lowest_broken();
  if (high == nullptr && low->rate < plan_.most)
    return trial(Purpose::grow, rounded(std::min(low->rate * growth, plan_.most)));
  if (low == nullptr && high->rate > plan_.least)
    return trial(Purpose::shrink, rounded(std::max(high->rate / growth, plan_.least)));
  if (low != nullptr && high != nullptr) {
    const double middle = rounded(std::sqrt(low->rate * high->rate));
    const bool wide = high->rate / low->rate > (1 + plan_.precision) * (1 + 1e-9);
    if (wide && middle > low->rate && middle < high->rate)
      return trial(Purpose::narrow, middle);
  }
  for (const End* end : {low, high})
    if (end != nullptr && !end->confirmed) return trial(Purpose::confirm, end->rate);
  return std::nullopt;
}

std::optional<RateTrial> RateSearch::next() const {
  return gave_up_ ? std::nullopt : next_;
}

bool RateSearch::is_to_be_repeated(const RateTrial& now, Outcome outcome) const {
  if (repeated_ || outcome == Outcome::kept || outcome == Outcome::overloaded)
    return false;
  if (now.purpose == Purpose::confirm) return outcome == Outcome::noisy;
  return now.length <= 2 * plan_.brief;
}

void RateSearch::believe(const RateTrial& now, Outcome outcome) {
  const bool confirming = now.purpose == Purpose::confirm;
  if (confirming && is_broken(known_.at(now.rate).outcome) != is_broken(outcome))
    ++contradictions_;
  known_[now.rate] = {now.rate, outcome, confirming, trials_};
  repeated_ = false;
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
    if (only_confirmed && !end.confirmed) continue;
    if (end.outcome == Outcome::kept) answer.kept = end;
    if (is_broken(end.outcome) && !answer.broken) answer.broken = end;
  }
  return answer;
}

}  // namespace echolab
