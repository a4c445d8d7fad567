#include "bench/capacity_trials.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "bench/baseline.hpp"
#include "bench/capacity_words.hpp"
#include "bench/experiment_levels.hpp"
#include "clients/load.hpp"
#include "common/error.hpp"

namespace echolab {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t fewest_rounds = 3;
constexpr std::uint64_t most_rounds = 5;
constexpr Nanoseconds longest_window = 1s;
constexpr Nanoseconds longest_warm_up = 300ms;

/// Whose capacity it is at that load; nullptr: nobody serves it.
const Contestant* reference_at(const CampaignPlan& plan, const Level& level) {
  const auto fits = [&](const Contestant& one) {
    return one.twin_of.empty() && !one.is_ceiling && serves(one, level);
  };
  if (plan.contestants.empty()) return nullptr;
  const Contestant& baseline = plan.contestants[baseline_of(plan)];
  if (fits(baseline)) return &baseline;
  const auto first = std::ranges::find_if(plan.contestants, fits);
  return first == plan.contestants.end() ? nullptr : &*first;
}

/// The same load, asked by whoever was answered.
Level closed_level(const CampaignPlan& plan, const Level& offered) {
  Level level = level_at(*plan.experiment, offered.at, plan.load);
  if (!plan.rate)  // its name is the share
    level.name = fmt::format("{} clients", connections_of(level.load));
  level.share_of_capacity = 0;
  level.load.workload.arrivals.reset();
  level.load.duration = std::min(level.load.duration, longest_window);
  level.load.warm_up = std::min(level.load.warm_up, longest_warm_up);
  return level;
}

Capacity::Trial trial_of(const CampaignRow& row) {
  return {row.trial.load.requests_per_second(),
          std::string(verdict_text(row.trial.judgement.verdict))};
}

/// What the trials of one level came to. Throws Failure where too few have figures.
Capacity::Part part_of(const CampaignPlan& own, const std::vector<CampaignRow>& rows,
                       std::size_t level) {
  const Contestant& one = *reference_at(own, own.levels[level]);
  Capacity::Part part{
      .at = own.levels[level].at, .name = own.levels[level].name, .model = one.name};
  std::size_t failed = 0;
  std::string why;
  std::vector<double> rates;
  for (const CampaignRow& row : rows) {
    if (row.level != level || &own.contestants[row.contestant] != &one) continue;
    if (is_measured(row)) {
      part.trials.push_back(trial_of(row));
      rates.push_back(part.trials.back().requests_per_second);
      continue;
    }
    ++failed;
    why = row.trial.judgement.reason;
  }
  if (rates.size() <= failed)
    throw Failure(ExitCode::failure,
                  fmt::format("the capacity of {} at {}, of which a share is offered, "
                              "cannot be measured: {}",
                              part.model, part.name, why));
  part.requests_per_second = range_of(rates).median;
  return part;
}

Json part_json(const Capacity::Part& part) {
  auto trials = Json::array();
  for (const Capacity::Trial& trial : part.trials)
    trials.push_back(
        {{"requests_per_second", trial.requests_per_second}, {"verdict", trial.verdict}});
  return {{"at", part.at},
          {"name", part.name},
          {"model", part.model},
          {"requests_per_second", part.requests_per_second},
          {"trials", trials}};
}

Capacity::Part part_of(const Json& row) {
  Capacity::Part part{.at = row.at("at").get<double>(),
                      .name = row.at("name").get<std::string>(),
                      .model = row.at("model").get<std::string>()};
  row.at("requests_per_second").get_to(part.requests_per_second);
  for (const Json& trial : row.at("trials"))
    part.trials.push_back({trial.at("requests_per_second").get<double>(),
                           trial.at("verdict").get<std::string>()});
  return part;
}

}  // namespace

bool lacks_capacity(const CampaignPlan& plan) {
  return !plan.capacity && std::ranges::any_of(plan.levels, [](const Level& level) {
    return level.share_of_capacity > 0;
  });
}

CampaignPlan capacity_plan(const CampaignPlan& plan) {
  CampaignPlan own = plan;
  own.contestants.clear();
  own.levels.clear();
  own.rounds = std::clamp(plan.rounds, fewest_rounds, most_rounds);
  own.repeats = 0;
  own.precision = 0;
  own.budget = Nanoseconds(0);
  const bool is_one_load = !plan.rate;
  for (const Level& level : plan.levels) {
    if (level.share_of_capacity <= 0) continue;
    if (is_one_load && level.at != plan.levels.back().at) continue;
    const Level closed = closed_level(plan, level);
    const Contestant* const one = reference_at(plan, closed);
    if (one == nullptr) continue;
    own.levels.push_back(closed);
    if (std::ranges::count(own.contestants, one->name, &Contestant::name) == 0)
      own.contestants.push_back(*one);
  }
  return own;
}

double capacity_seconds(const CampaignPlan& plan) {
  return lacks_capacity(plan) ? estimated_seconds(capacity_plan(plan)) : 0;
}

std::optional<Capacity> measure_capacity(
    const CampaignPlan& plan,
    const std::function<void(const CampaignProgress&)>& progress,
    const std::stop_token& stop) {
  const auto begin = Clock::now();
  const CampaignPlan own = capacity_plan(plan);
  const auto keep = [](const CampaignRow&, std::size_t) {};
  const CampaignEnd end = run_campaign(own, {}, keep, progress, stop);
  if (stop.stop_requested()) return std::nullopt;
  Capacity capacity{.rounds = own.rounds};
  for (std::size_t level = 0; level < own.levels.size(); ++level)
    capacity.parts.push_back(part_of(own, end.rows, level));
  if (capacity.parts.empty())
    throw Failure(ExitCode::failure, "nobody here serves a load whose share is offered");
  capacity.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  return capacity;
}

void use_capacity(CampaignPlan& plan, Capacity capacity) {
  plan.capacity = std::move(capacity);
  std::vector<double> places;
  for (const Level& level : plan.levels) places.push_back(level.at);
  set_levels(plan, places);
}

Json capacity_json(const Capacity& capacity) {
  auto loads = Json::array();
  for (const Capacity::Part& part : capacity.parts) loads.push_back(part_json(part));
  return {{"method",
           "closed loops of the same connections and work on the same CPUs, before the "
           "campaign, in random order; the median of the trials"},
          {"rounds", capacity.rounds},
          {"seconds", capacity.seconds},
          {"loads", loads},
          {"sentence", capacity_text(capacity)}};
}

Capacity capacity_of(const Json& member) {
  Capacity capacity;
  member.at("rounds").get_to(capacity.rounds);
  member.at("seconds").get_to(capacity.seconds);
  for (const Json& row : member.at("loads")) capacity.parts.push_back(part_of(row));
  if (capacity.parts.empty()) throw UsageError("capacity.loads is empty");
  return capacity;
}

}  // namespace echolab
