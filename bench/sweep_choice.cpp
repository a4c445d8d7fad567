#include "bench/sweep_choice.hpp"

#include <fmt/format.h>

#include "bench/setting_choice.hpp"

namespace echolab {
namespace {

using Json = nlohmann::json;

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

}  // namespace

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

}  // namespace echolab
