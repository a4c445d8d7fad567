#include "bench/tuning.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "bench/campaign_row.hpp"
#include "bench/sweep.hpp"
#include "bench/sweep_choice.hpp"
#include "bench/tuning_words.hpp"
#include "common/error.hpp"

namespace echolab {
namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

/// Those of this sweep. What belongs to another choice of the knob before, which further
/// rounds have changed, is left.
std::vector<CampaignRow> rows_of(const Sweep& sweep,
                                 const std::vector<std::string>& lines) {
  std::vector<CampaignRow> rows;
  for (const std::string& line : lines) try {
      const auto name = Json::parse(line).at("model").get<std::string>();
      if (std::ranges::count(sweep.plan.contestants, name, &Contestant::name) > 0)
        rows.push_back(row_of(sweep.plan, line));
    } catch (const std::exception& error) {
      throw UsageError(fmt::format("--resume: tuning.jsonl: {}", error.what()));
    }
  return rows;
}

/// All that is left of it when three rounds of the campaign shall still fit.
Nanoseconds budget_left(const CampaignPlan& plan, Clock::time_point begin) {
  if (plan.budget.count() == 0) return Nanoseconds(0);
  CampaignPlan three = plan;
  three.rounds = std::min<std::uint64_t>(plan.rounds, 3);
  const auto kept = std::chrono::duration<double>(estimated_seconds(three));
  const auto left = plan.budget - std::chrono::duration_cast<Nanoseconds>(kept) -
                    std::chrono::duration_cast<Nanoseconds>(Clock::now() - begin);
  return std::max(left, Nanoseconds(1));  // 0 would be no budget at all
}

std::vector<CampaignRow> run_sweep(const Sweep& sweep, const TuningRun& run) {
  const auto keep = [&](const CampaignRow& row, std::size_t order) {
    auto json = row_json(sweep.plan, row, order);
    json["arguments"] = sweep.plan.contestants[row.contestant].arguments;
    run.keep(json.dump());
  };
  auto rows = rows_of(sweep, run.kept);
  if (!rows.empty())
    run.say(
        fmt::format("resumed: {} of these trials are there and are kept", rows.size()));
  CampaignEnd end =
      run_campaign(sweep.plan, std::move(rows), keep, run.progress, run.stop);
  if (!end.why.empty()) run.say("tuning ended early: " + end.why);
  return std::move(end.rows);
}

/// Whoever has no knob, and why.
Json untuned_json(const CampaignPlan& plan, const Json& models) {
  auto untuned = Json::array();
  for (const Contestant& one : plan.contestants) {
    const bool is_tuned = std::ranges::any_of(
        models, [&](const Json& row) { return row.at("model") == one.name; });
    if (is_tuned || !one.twin_of.empty() || one.is_ceiling) continue;
    untuned.push_back({{"model", one.name},
                       {"why", one.model == nullptr ? "whose options are not known here"
                                                    : "which has no knob"}});
  }
  return untuned;
}

}  // namespace

std::optional<Json> tune(const CampaignPlan& plan, const TuningRun& run) {
  const auto begin = Clock::now();
  ChosenArguments chosen(plan.contestants.size());
  std::map<std::size_t, Json> models;  // by contestant: in the order of the campaign
  for (const std::string_view option : tuned_options) {
    Sweep sweep = sweep_of(plan, option, chosen);
    if (sweep.parts.empty()) continue;
    sweep.plan.budget = budget_left(plan, begin);
    run.say(fmt::format("tuning {}: {} settings of {} models x {} rounds", option,
                        sweep.plan.contestants.size(), sweep.parts.size(),
                        sweep.plan.rounds));
    const auto rows = run_sweep(sweep, run);
    if (run.stop.stop_requested()) return std::nullopt;
    for (const Sweep::Part& part : sweep.parts) {
      const Level& level = sweep.plan.levels[part.level];
      Json& model = models[part.contestant];
      model["model"] = plan.contestants[part.contestant].name;
      model["level"] = {{"at", level.at}, {"name", level.name}};
      model["knobs"].push_back(choose_for(sweep, part, rows, chosen));
      model["arguments"] = chosen[part.contestant];
      run.say(fmt::format("tuned: {} {}", plan.contestants[part.contestant].name,
                          knob_in_words(model["knobs"].back())));
    }
  }
  Json tuned = {{"metric", plan.experiment->metric},
                {"rounds", tuning_rounds},
                {"seconds", std::chrono::duration<double>(Clock::now() - begin).count()},
                {"models", Json::array()}};
  for (const auto& [contestant, model] : models) tuned["models"].push_back(model);
  tuned["untuned"] = untuned_json(plan, tuned["models"]);
  tuned["sentences"] = tuning_in_words(plan, tuned);
  return tuned;
}

void use_tuned(CampaignPlan& plan, const Json& tuned) {
  tuned.at("sentences").get_to(plan.tuned);
  for (const Json& row : tuned.at("models"))
    for (Contestant& one : plan.contestants)
      if (one.model != nullptr && one.model->name == row.at("model").get<std::string>())
        row.at("arguments").get_to(one.arguments);
}

}  // namespace echolab
