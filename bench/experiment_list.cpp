#include "bench/experiment_list.hpp"

#include <fmt/format.h>

#include "bench/experiment.hpp"
#include "common/program.hpp"

namespace echolab {
namespace {

constexpr std::size_t indent = 18;

std::string paragraph(const std::string& text, std::size_t width) {
  std::string lines;
  for (const std::string& line : wrapped(text, width - indent))
    lines += std::string(indent, ' ') + line + "\n";
  return lines;
}

std::string models_of(const Experiment& experiment) {
  return experiment.models.empty() ? "the classic and the newer ones"
                                   : std::string(experiment.models);
}

}  // namespace

std::string experiments_text(std::size_t width) {
  std::string text;
  for (const Experiment& one : experiments()) {
    text += fmt::format("{:<{}}{}\n", one.name, indent, one.question);
    text += paragraph(fmt::format("varies {}: {} (quick), {} (standard)", one.axis,
                                  one.levels[static_cast<std::size_t>(Preset::quick)],
                                  one.levels[static_cast<std::size_t>(Preset::standard)]),
                      width);
    for (const Claim& claim : one.claims)
      text += paragraph(fmt::format("claim: {} ({})", claim.text, claim.source), width);
  }
  return text;
}

nlohmann::json experiments_json() {
  auto all = nlohmann::json::array();
  for (const Experiment& one : experiments()) {
    auto& row = all.emplace_back(nlohmann::json{{"name", one.name},
                                                {"question", one.question},
                                                {"axis", one.axis},
                                                {"metric", one.metric},
                                                {"baseline", one.baseline},
                                                {"models", models_of(one)},
                                                {"claims", nlohmann::json::array()}});
    for (std::size_t i = 0; i < one.levels.size(); ++i)
      row["levels"][preset_names[i]] = one.levels.at(i);
    for (const Claim& claim : one.claims)
      row["claims"].push_back({{"text", claim.text}, {"source", claim.source}});
  }
  return all;
}

}  // namespace echolab
