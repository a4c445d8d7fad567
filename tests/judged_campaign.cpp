// Prints what the runner says of a results folder, as JSON: of each claim, and of each
// level. tests/rule_test.py holds it against what the report says.

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <list>
#include <nlohmann/json.hpp>

#include "bench/campaign_row.hpp"
#include "bench/campaign_words.hpp"
#include "bench/claims.hpp"
#include "bench/twin.hpp"

namespace echolab {
namespace {

using Json = nlohmann::json;

/// An experiment with the claims and the headline that the manifest gives it.
struct OwnExperiment {
  std::list<std::string> texts{};
  std::vector<Claim> claims{};
  Experiment experiment{};

  std::string_view kept(const Json& text) {
    return texts.emplace_back(text.get<std::string>());
  }
  explicit OwnExperiment(const Json& about)
      : experiment(find_experiment(about.at("name").get<std::string>())) {
    for (const Json& row : about.at("claims")) {
      const Json& at = row.at("at");
      claims.push_back({kept(row.at("text")), kept(row.at("source")),
                        kept(row.at("metric")), kept(row.at("less")),
                        kept(row.at("more")),
                        at.is_null() ? std::nullopt : std::optional(at.get<double>()),
                        kept(row.at("why_not"))});
    }
    experiment.metric = kept(about.at("metric"));
    experiment.baseline = kept(about.at("baseline"));
    experiment.claims = claims;
  }
};

CampaignPlan plan_of(const Json& manifest, const Experiment& experiment) {
  CampaignPlan plan;
  plan.experiment = &experiment;
  plan.rounds = 1000;
  std::vector<double> places;
  for (const Json& level : manifest.at("experiment").at("levels"))
    places.push_back(level.at("at"));
  set_levels(plan, places);
  for (const Json& row : manifest.at("models")) {
    Contestant one;
    one.name = row.at("name");
    if (row.contains("twin_of")) one.twin_of = row.at("twin_of");
    one.is_ceiling = row.contains("role");
    const auto model = std::ranges::find(models(), one.name, &Model::name);
    if (model != models().end()) one.model = &*model;
    plan.contestants.push_back(one);
  }
  return plan;
}

Json names_of(const CampaignPlan& plan, const std::vector<const Cell*>& cells) {
  auto names = Json::array();
  for (const Cell* cell : cells) names.push_back(plan.contestants[cell->contestant].name);
  return names;
}

Json level_json(const CampaignPlan& plan, const std::vector<CampaignRow>& rows,
                std::size_t level) {
  const Metric& metric = find_metric(plan.experiment->metric);
  const double factor = tie_factor(twin_ratios(plan, rows, level, metric));
  const auto cells = cells_at(plan, rows, level);
  const LevelAnswer answer = answer_of(plan, alike(plan, cells), factor);
  const BaselineComparisons compared = compared_with_baseline(plan, cells, factor);
  return {{"at", plan.levels[level].at},
          {"factor", factor},
          {"compared", {compared.shown, compared.all, compared.rounds}},
          {"ranked", names_of(plan, answer.ranked)},
          {"ties", names_of(plan, answer.ties)},
          {"limited", names_of(plan, answer.limited)},
          {"starving", names_of(plan, answer.starving)},
          {"unanswered", names_of(plan, answer.unanswered)},
          {"words", level_in_words(plan, cells, plan.levels[level], factor)}};
}

Json claim_json(const CampaignPlan& plan, const ClaimOutcome& outcome) {
  const Range& ratio = outcome.ratio;
  return {{"word", outcome.word},
          {"at", outcome.level ? Json(plan.levels[*outcome.level].at) : Json()},
          {"ratio",
           ratio.n > 0 ? Json({ratio.median, ratio.least, ratio.most, ratio.n}) : Json()},
          {"bound", outcome.is_bound},
          {"notes", outcome.notes}};
}

Json judged(const std::string& folder) {
  std::ifstream about(folder + "/manifest.json");
  const Json manifest = Json::parse(about);
  const OwnExperiment own(manifest.at("experiment"));
  const CampaignPlan plan = plan_of(manifest, own.experiment);
  std::vector<CampaignRow> rows;
  std::ifstream trials(folder + "/trials.jsonl");
  for (std::string line; std::getline(trials, line);) rows.push_back(row_of(plan, line));
  Json found = {{"levels", Json::array()}, {"claims", Json::array()}};
  for (std::size_t level = 0; level < plan.levels.size(); ++level)
    found["levels"].push_back(level_json(plan, rows, level));
  for (const ClaimOutcome& outcome : claim_outcomes(plan, rows))
    found["claims"].push_back(claim_json(plan, outcome));
  found["texts"] = claims_in_words(plan, rows);
  return found;
}

}  // namespace
}  // namespace echolab

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) std::cout << echolab::judged(argv[i]).dump() << "\n";
}
