#include "bench/campaign_display.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "bench/baseline.hpp"
#include "bench/capacity_trials.hpp"
#include "bench/capacity_words.hpp"
#include "bench/demand.hpp"
#include "bench/environment.hpp"
#include "bench/http_campaign.hpp"
#include "bench/machine_checks.hpp"
#include "bench/offered_load.hpp"
#include "bench/sweep.hpp"
#include "bench/tuning_words.hpp"
#include "clients/work_options.hpp"
#include "common/terminal.hpp"
#include "common/time_unit.hpp"
#include "common/units.hpp"

namespace echolab {
namespace {

/// The sweeps that come before the first round, where they are still to come.
void describe_tuning(const CampaignPlan& plan, std::FILE* out) {
  fmt::print(out,
             "  before that tunes each model at the greatest load by {}, one knob at a "
             "time, on the same CPUs, about {}:\n",
             find_metric(plan.experiment->metric).words, left_text(tuning_seconds(plan)));
  for (const std::string& line : tuning_ahead(plan)) fmt::print(out, "    {}\n", line);
}

/// What came of a trial, below the line that it has: its percentiles, who used how much
/// of the CPUs, and why it is not VALID.
std::string outcome(const Trial& trial) {
  std::string text = last_trial(trial).times;
  if (!text.empty())
    text += fmt::format("; cores used: server {:.2f}, client {:.2f}",
                        trial.server.cpu_cores_used, trial.load.client_cores_used());
  const Judgement& judgement = trial.judgement;
  if (!judgement.reason.empty())
    text += fmt::format("{}{}: {}", text.empty() ? "" : "; ",
                        verdict_text(judgement.verdict), judgement.reason);
  return text;
}

/// How its server was started, and where both ran.
std::string set_up_of(const CampaignProgress& now) {
  const auto cpus = [](const std::vector<int>& all) {
    return all.empty() ? std::string("any") : fmt::format("{}", fmt::join(all, ","));
  };
  return fmt::format("CPU {}: {}; client on CPU {}", cpus(now.plan.start.cpus),
                     command_text(now.contestant, start_at(now.plan, now.level)),
                     cpus(now.plan.load.cpus));
}

/// What is offered, and what comes before or beside it on its account.
void describe_offer(const CampaignPlan& plan, std::FILE* out) {
  if (plan.own_experiment)
    fmt::print(out, "  compared by {}, as all are offered the same\n",
               find_metric(plan.experiment->metric).words);
  if (plan.capacity) fmt::print(out, "  {}\n", capacity_text(*plan.capacity));
  if (lacks_capacity(plan))
    fmt::print(out, "  {}, about {}\n", capacity_ahead(plan),
               left_text(capacity_seconds(plan)));
  if (std::ranges::any_of(plan.contestants, &Contestant::is_closed))
    fmt::print(out, "  {} once more in each round, in a closed loop, for a claim\n",
               baseline_name(plan));
}

}  // namespace

CampaignDisplay::CampaignDisplay(Telling telling, std::stop_token stop)
    : telling_(telling),
      stop_(std::move(stop)),
      live_(!telling.quiet && wants_live_line(STDERR_FILENO)) {}

void CampaignDisplay::show(const CampaignProgress& now) {
  if (telling_.quiet) return;
  if (stop_.stop_requested() && now.ended == nullptr && !has_told_stop_) {
    has_told_stop_ = true;
    say("interrupted: this trial is the last one; Ctrl-C once more ends it at once");
  }
  if (now.ended != nullptr) {
    last_ = last_trial(now.ended->trial);
    if (!live_ || telling_.detail > 0) tell(now);
  }
  if (live_) show_live(now);
}

void CampaignDisplay::say(const std::string& words) {
  clear();
  if (!telling_.quiet) fmt::print(stderr, "{}\n", words);
}

void CampaignDisplay::clear() const {
  if (live_) fmt::print(stderr, "\r\033[K");
}

/// The line of a trial that ended, and what is to be told beside it.
void CampaignDisplay::tell(const CampaignProgress& now) {
  constexpr const char* below = "           ";
  const Trial& trial = now.ended->trial;
  name_width_ = std::max(name_width_, now.contestant.name.size());
  say(fmt::format("[{:>3}/{}] {:<{}} {:<24} {:>8} req/s  {:>9} CPU/req  {}  {} left",
                  now.done, now.planned, now.contestant.name, name_width_, now.level.name,
                  show_count(trial.load.requests_per_second()),
                  show_time(trial.server.cpu_ns_per_request),
                  verdict_text(trial.judgement.verdict), left_text(now.seconds_left)));
  if (telling_.detail > 0)
    say(below + outcome(trial));
  else if (!is_measured(*now.ended))
    say(below + trial.judgement.reason);
  if (telling_.detail > 1) say(below + set_up_of(now));
}

void CampaignDisplay::show_live(const CampaignProgress& now) {
  const auto time = std::chrono::steady_clock::now();
  if (now.ended == nullptr && time - shown_ < std::chrono::milliseconds(250)) return;
  shown_ = time;
  // The last column stays empty: a terminal may go on to the next line once it is full.
  const std::size_t columns = live_columns(STDERR_FILENO) - 1;
  fmt::print(stderr, "\r\033[K{}", status_line(now, last_, columns));
  std::fflush(stderr);
}

void describe(const CampaignPlan& plan, std::FILE* out) {
  const std::size_t trials = places_in_round(plan) * plan.rounds;
  const bool will_tune = plan.tune && plan.tuned.empty();
  const double tuning = will_tune ? tuning_seconds(plan) : 0;
  const bool has_ceiling = std::ranges::any_of(plan.contestants, &Contestant::is_ceiling);
  const auto shown =
      plan.contestants.size() - static_cast<std::size_t>(std::ranges::count_if(
                                    plan.contestants, [](const Contestant& one) {
                                      return one.is_ceiling || one.is_closed;
                                    }));
  fmt::print(
      out,
      "{}: {}\n"
      "echo_compare: {} servers{} x {} loads x {} rounds = {} trials of {}, about "
      "{} in all\n"
      "  {}\n"
      "  {}, {}, {}\n",
      plan.experiment->name, plan.experiment->question, shown,
      has_ceiling ? " and a null responder" : "", plan.levels.size(), plan.rounds, trials,
      show_duration(static_cast<double>(plan.levels.front().load.duration.count())),
      left_text(estimated_seconds(plan) + tuning + capacity_seconds(plan)),
      placement_text(plan.placement), requests_text(plan.levels.front().load),
      loop_text(plan),
      plan.is_shuffled ? fmt::format("order from seed {}", plan.seed)
                       : "in the order of the list");
  std::vector<std::string> names;
  for (const Level& level : plan.levels) names.push_back(level.name);
  fmt::print(out, "  loads: {}\n", fmt::join(names, ", "));
  describe_offer(plan, out);
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
  for (const std::string& warning : environment_warnings(demand_of(plan)))
    fmt::print(out, "  note: {}\n", fmt::join(wrapped(warning, 90), "\n        "));
}

}  // namespace echolab
