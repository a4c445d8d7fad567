#include "bench/sweep.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace echolab {
namespace {

/// The last that it serves.
const Level& greatest_level(const CampaignPlan& plan, const Contestant& one) {
  const auto found = std::find_if(plan.levels.rbegin(), plan.levels.rend(),
                                  [&](const Level& level) { return serves(one, level); });
  return found == plan.levels.rend() ? plan.levels.back() : *found;
}

std::optional<Knob> knob_of(const CampaignPlan& plan, const Contestant& one,
                            std::string_view option) {
  if (one.model == nullptr || !one.twin_of.empty()) return std::nullopt;
  const LoadPlan& load = greatest_level(plan, one).load;
  return option == "--workers" ? workers_knob(*one.model, load, plan.start.cpus.size())
                               : buffer_knob(*one.model, plan, load);
}

/// Its index in the sweep's levels, where it is put if it is not there.
std::size_t place_of(const Level& level, CampaignPlan& sweep) {
  const auto found = std::ranges::find(sweep.levels, level.at, &Level::at);
  const auto index = static_cast<std::size_t>(found - sweep.levels.begin());
  if (found == sweep.levels.end()) sweep.levels.push_back(level);
  return index;
}

/// "thread_pool --workers 16": the model with all that it is told.
Contestant setting_of(Contestant one, const std::vector<std::string>& chosen,
                      const Knob& knob, const Knob::Setting& setting) {
  one.arguments = chosen;
  one.arguments.insert(one.arguments.end(), setting.arguments.begin(),
                       setting.arguments.end());
  if (!one.arguments.empty())
    one.name += fmt::format(" {}", fmt::join(one.arguments, " "));
  if (setting.arguments.empty()) one.name += fmt::format(" (default {})", knob.option);
  return one;
}

}  // namespace

Sweep sweep_of(const CampaignPlan& plan, std::string_view option,
               const ChosenArguments& chosen) {
  Sweep sweep;
  sweep.plan = plan;
  sweep.plan.contestants.clear();
  sweep.plan.levels.clear();
  sweep.plan.rounds = tuning_rounds;
  sweep.plan.repeats = 0;  // the time that was told is kept
  sweep.plan.precision = 0;
  for (std::size_t i = 0; i < plan.contestants.size(); ++i) {
    const Contestant& one = plan.contestants[i];
    const auto knob = knob_of(plan, one, option);
    if (!knob) continue;
    const std::size_t level = place_of(greatest_level(plan, one), sweep.plan);
    sweep.parts.push_back({i, level, sweep.plan.contestants.size(), *knob});
    for (const Knob::Setting& setting : knob->settings)
      sweep.plan.contestants.push_back(setting_of(one, chosen[i], *knob, setting));
  }
  return sweep;
}

double tuning_seconds(const CampaignPlan& plan) {
  const ChosenArguments none(plan.contestants.size());
  double sum = 0;
  for (const std::string_view option : tuned_options)
    sum += estimated_seconds(sweep_of(plan, option, none).plan);
  return sum;
}

}  // namespace echolab
