#include "bench/completed_options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <vector>

#include "bench/baseline.hpp"
#include "common/units.hpp"

namespace echolab {
namespace {

/// Those of the catalogue, as --models takes them.
std::string models_of(const CampaignPlan& plan) {
  std::vector<std::string> names;
  for (const Contestant& one : plan.contestants)
    if (one.model != nullptr && one.twin_of.empty()) names.push_back(one.name);
  for (const Absentee& one : plan.absent) names.push_back(one.contestant.name);
  return fmt::format("{}", fmt::join(names, ","));
}

/// Whether there is a contestant that is measured only to judge the others by.
bool has_twin(const CampaignPlan& plan) {
  return std::ranges::any_of(plan.contestants, [](const auto& one) {
    return !one.twin_of.empty() && !one.is_closed;
  });
}
bool has_ceiling(const CampaignPlan& plan) {
  return std::ranges::any_of(plan.contestants, &Contestant::is_ceiling);
}

}  // namespace

void show_completed(const CompareOptions& options, CLI::App& parser) {
  const CampaignPlan& plan = options.plan;
  const auto holds = [&](const char* name, const std::string& value) {
    parser.get_option(name)->default_str(value);
  };
  holds("--models", models_of(plan));
  holds("--at", options.at);
  if (!plan.experiment->is_of_clients())
    holds("--clients", std::to_string(plan.load.connections));
  holds("--baseline", baseline_name(plan));
  holds("--rounds", std::to_string(plan.rounds));
  holds("--repeats", std::to_string(plan.repeats));
  holds("--budget", write_duration(plan.budget));
  holds("--duration", write_duration(plan.load.duration));
  holds("--warm-up", write_duration(plan.load.warm_up));
  if (has_twin(plan)) holds("--aa", "true");
  if (has_ceiling(plan)) holds("--ceiling", "true");
  holds("--server-cpus", fmt::format("{}", fmt::join(plan.start.cpus, ",")));
  holds("--client-cpus", fmt::format("{}", fmt::join(plan.load.cpus, ",")));
  if (parser.count("--seed") == 0)
    parser.get_option("--seed")->add_result(std::to_string(plan.seed));
}

}  // namespace echolab
