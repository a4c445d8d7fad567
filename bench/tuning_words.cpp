#include "bench/tuning_words.hpp"

#include <fmt/format.h>

#include <map>

#include "bench/sweep.hpp"

namespace echolab {
namespace {

using Json = nlohmann::json;

std::string model_text(const Json& row) {
  std::vector<std::string> knobs;
  for (const Json& knob : row.at("knobs")) knobs.push_back(knob_in_words(knob));
  return fmt::format("Tuned: {} {}.", row.at("model").get<std::string>(),
                     fmt::join(knobs, "; "));
}

}  // namespace

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

std::string knob_in_words(const Json& knob) {
  const auto text = [&](const char* member) {
    return knob.at(member).get<std::string>();
  };
  const bool is_usual = text("default") == text("chosen");
  return fmt::format("{} {} ({}): {}", text("option"), text("chosen"),
                     is_usual ? "the default" : "default " + text("default"),
                     text("why"));
}

std::vector<std::string> tuning_in_words(const CampaignPlan& plan, const Json& tuned) {
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

}  // namespace echolab
