#include "bench/tuning.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "bench/campaign_row.hpp"
#include "bench/setting_choice.hpp"
#include "common/error.hpp"

namespace echolab {
namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t tuning_rounds = 3;

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

SettingFigures figures_of_setting(const Sweep& sweep, const Sweep::Part& part,
                                  std::size_t setting,
                                  const std::vector<CampaignRow>& rows) {
  const CampaignPlan& plan = sweep.plan;
  const std::size_t contestant = part.first + setting;
  SettingFigures figures;
  figures.text = fmt::format("{} {}", part.knob.option, part.knob.settings[setting].text);
  figures.by_round = figures_of(plan, rows, contestant, part.level,
                                find_metric(plan.experiment->metric));
  std::vector<double> starved;
  for (const CampaignRow& row : rows) {
    if (row.contestant != contestant) continue;
    if (is_measured(row))
      starved.push_back(static_cast<double>(row.trial.load.starved()));
    else
      ++figures.failed;
  }
  // In an open loop a client may have had no arrival.
  if (!plan.levels[part.level].load.workload.is_open())
    figures.starved = range_of(starved).median;
  return figures;
}

/// What it came to in each round, with null where it has no figure.
Json setting_json(const SettingFigures& figures, const Knob::Setting& setting) {
  auto by_round = Json::array();
  for (std::uint64_t round = 0; round < tuning_rounds; ++round) {
    const auto found = figures.by_round.find(round);
    by_round.push_back(found == figures.by_round.end() ? Json() : Json(found->second));
  }
  return {{"setting", setting.text},
          {"arguments", setting.arguments},
          {"by_round", by_round},
          {"median", figures.by_round.empty() ? Json() : Json(figures.median())},
          {"starved", figures.starved},
          {"failed", figures.failed}};
}

Json ratio_json(const Range& ratio) {
  if (ratio.n == 0) return nullptr;
  return {{"median", ratio.median},
          {"least", ratio.least},
          {"most", ratio.most},
          {"n", ratio.n}};
}

/// What is chosen for one part of a sweep, added to `chosen`.
Json choose_for(const Sweep& sweep, const Sweep::Part& part,
                const std::vector<CampaignRow>& rows, ChosenArguments& chosen) {
  std::vector<SettingFigures> figures;
  auto settings = Json::array();
  for (std::size_t i = 0; i < part.knob.settings.size(); ++i) {
    figures.push_back(figures_of_setting(sweep, part, i, rows));
    settings.push_back(setting_json(figures.back(), part.knob.settings[i]));
  }
  const SettingChoice choice =
      choose_setting(figures, find_metric(sweep.plan.experiment->metric));
  const Knob::Setting& best = part.knob.settings[choice.setting];
  auto& arguments = chosen[part.contestant];
  arguments.insert(arguments.end(), best.arguments.begin(), best.arguments.end());
  return {{"option", part.knob.option},
          {"default", part.knob.settings.front().text},
          {"chosen", best.text},
          {"why", choice.why},
          {"ratio", ratio_json(choice.ratio)},
          {"settings", settings}};
}

/// "--workers 16 (default 2): 6.1 times the req/s [5.9 to 6.3]"
std::string knob_text(const Json& knob) {
  const auto text = [&](const char* member) {
    return knob.at(member).get<std::string>();
  };
  const bool is_usual = text("default") == text("chosen");
  return fmt::format("{} {} ({}): {}", text("option"), text("chosen"),
                     is_usual ? "the default" : "default " + text("default"),
                     text("why"));
}

std::string model_text(const Json& row) {
  std::vector<std::string> knobs;
  for (const Json& knob : row.at("knobs")) knobs.push_back(knob_text(knob));
  return fmt::format("Tuned: {} {}.", row.at("model").get<std::string>(),
                     fmt::join(knobs, "; "));
}

/// How it was done, and a sentence for each model.
std::vector<std::string> sentences(const CampaignPlan& plan, const Json& tuned) {
  std::vector<std::string> all = {fmt::format(
      "Each model was tuned by its {} at the greatest load, one knob at a time, in {} "
      "rounds on the same CPUs, before the campaign.",
      find_metric(plan.experiment->metric).words, tuning_rounds)};
  for (const Json& row : tuned.at("models")) all.push_back(model_text(row));
  for (const Json& row : tuned.at("untuned"))
    all.push_back(fmt::format("Not tuned: {}, {}.", row.at("model").get<std::string>(),
                              row.at("why").get<std::string>()));
  return all;
}

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

std::vector<std::string> tuning_ahead(const CampaignPlan& plan) {
  std::vector<std::string> all;
  for (const std::string_view option : tuned_options) {
    std::map<std::string, std::vector<std::string>> models;
    const Sweep sweep = sweep_of(plan, option, ChosenArguments(plan.contestants.size()));
    for (const Sweep::Part& part : sweep.parts) {
      std::vector<std::string> texts;
      for (const Knob::Setting& setting : part.knob.settings)
        texts.push_back(setting.text);
      texts.front() += " (default)";
      models[fmt::format("{}", fmt::join(texts, ", "))].push_back(
          plan.contestants[part.contestant].name);
    }
    for (const auto& [settings, names] : models)
      all.push_back(fmt::format("{} {}: {}", option, settings, fmt::join(names, ", ")));
  }
  return all;
}

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
                          knob_text(model["knobs"].back())));
    }
  }
  Json tuned = {{"metric", plan.experiment->metric},
                {"rounds", tuning_rounds},
                {"seconds", std::chrono::duration<double>(Clock::now() - begin).count()},
                {"models", Json::array()}};
  for (const auto& [contestant, model] : models) tuned["models"].push_back(model);
  tuned["untuned"] = untuned_json(plan, tuned["models"]);
  tuned["sentences"] = sentences(plan, tuned);
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
