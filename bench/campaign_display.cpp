#include "bench/campaign_display.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "bench/environment.hpp"
#include "bench/sweep.hpp"
#include "bench/tuning_words.hpp"
#include "clients/work_options.hpp"
#include "common/time_unit.hpp"
#include "common/units.hpp"

namespace echolab {
namespace {

std::string left_text(double seconds) {
  const long whole = std::lround(seconds);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

/// The sweeps that come before the first round, where they are still to come.
void describe_tuning(const CampaignPlan& plan, std::FILE* out) {
  fmt::print(out,
             "  before that tunes each model at the greatest load by {}, one knob at a "
             "time, on the same CPUs, about {}:\n",
             find_metric(plan.experiment->metric).words, left_text(tuning_seconds(plan)));
  for (const std::string& line : tuning_ahead(plan)) fmt::print(out, "    {}\n", line);
}

}  // namespace

CampaignDisplay::CampaignDisplay(bool quiet)
    : quiet_(quiet), live_(::isatty(STDERR_FILENO) == 1) {}

void CampaignDisplay::show(const CampaignProgress& now) {
  if (quiet_) return;
  if (live_) return show_live(now);
  if (now.ended == nullptr) return;
  name_width_ = std::max(name_width_, now.contestant.name.size());
  fmt::print(stderr, "[{:>3}/{}] {:<{}} {:<24} {:>8} req/s  {:>9} CPU/req  {}  {} left\n",
             now.done, now.planned, now.contestant.name, name_width_, now.level.name,
             show_count(now.ended->trial.load.requests_per_second()),
             show_time(now.ended->trial.server.cpu_ns_per_request),
             verdict_text(now.ended->trial.judgement.verdict),
             left_text(now.seconds_left));
  if (!is_measured(*now.ended))
    fmt::print(stderr, "           {}\n", now.ended->trial.judgement.reason);
}

void CampaignDisplay::clear() const {
  if (live_ && !quiet_) fmt::print(stderr, "\r\033[K");
}

void CampaignDisplay::show_live(const CampaignProgress& now) {
  const auto time = std::chrono::steady_clock::now();
  if (now.ended == nullptr && time - shown_ < std::chrono::milliseconds(250)) return;
  shown_ = time;
  constexpr std::size_t width = 24;
  const std::size_t full = width * now.done / now.planned;
  std::string text =
      fmt::format("{}{} {:>3}/{}  {} left  {} at {}", std::string(full, '#'),
                  std::string(width - full, '.'), now.done, now.planned,
                  left_text(now.seconds_left), now.contestant.name, now.level.name);
  if (now.load != nullptr)
    text += fmt::format("  {:<10} {:>7} requests", now.load->phase,
                        show_count(static_cast<double>(now.load->requests)));
  text.resize(std::min(text.size(), columns_of(STDERR_FILENO) - 1));
  fmt::print(stderr, "\r\033[K{}", text);
  std::fflush(stderr);
}

void describe(const CampaignPlan& plan, std::FILE* out) {
  const std::size_t trials = places_in_round(plan) * plan.rounds;
  const bool will_tune = plan.tune && plan.tuned.empty();
  const double tuning = will_tune ? tuning_seconds(plan) : 0;
  const bool has_ceiling = std::ranges::any_of(plan.contestants, &Contestant::is_ceiling);
  fmt::print(
      out,
      "{}: {}\n"
      "echo_compare: {} servers{} x {} loads x {} rounds = {} trials of {}, about "
      "{} in all\n"
      "  server on CPU {}, client on CPU {}; {} B requests, {}, {}\n",
      plan.experiment->name, plan.experiment->question,
      plan.contestants.size() - (has_ceiling ? 1 : 0),
      has_ceiling ? " and a null responder" : "", plan.levels.size(), plan.rounds, trials,
      show_duration(static_cast<double>(plan.levels.front().load.duration.count())),
      left_text(estimated_seconds(plan) + tuning), fmt::join(plan.start.cpus, ","),
      fmt::join(plan.load.cpus, ","), plan.levels.front().load.payload_bytes,
      plan.levels.front().load.workload.is_open() ? "open loop" : "closed loop",
      plan.is_shuffled ? fmt::format("order from seed {}", plan.seed)
                       : "in the order of the list");
  std::vector<std::string> names;
  for (const Level& level : plan.levels) names.push_back(level.name);
  fmt::print(out, "  loads: {}\n", fmt::join(names, ", "));
  if (will_tune) describe_tuning(plan, out);
  if (plan.load.work) fmt::print(out, "  each request {}\n", work_text(plan.load));
  if (plan.repeats > 0)
    fmt::print(out,
               "  a NOISY or UNSTEADY trial is repeated at the end of its round, {} at "
               "most\n",
               plan.repeats == 1 ? "once" : "twice");
  if (plan.precision > 0)
    fmt::print(out, "  ends before that once all ratios are precise to {:.2g} %\n",
               plan.precision * 100);
  if (!plan.thresholds.empty())
    fmt::print(out, "  asserts {}\n", fmt::join(texts_of(plan.thresholds), ", "));
  for (const auto& [one, reason] : plan.absent)
    fmt::print(out, "  without {}: {}\n", one.name, reason);
  for (const std::string& warning : environment_warnings())
    fmt::print(out, "  note: {}\n", warning);
}

}  // namespace echolab
