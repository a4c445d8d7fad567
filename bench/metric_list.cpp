#include "bench/metric_list.hpp"

#include <fmt/format.h>

#include "bench/metric.hpp"
#include "common/program.hpp"

namespace echolab {
namespace {

std::string_view better(const Metric& metric) {
  return metric.more_is_better ? "more" : "less";
}

}  // namespace

std::string metrics_text(std::size_t width) {
  constexpr std::size_t indent = 24;
  std::string text;
  for (const Metric& one : metrics()) {
    const std::string unit = one.unit == "1" ? "" : fmt::format(", in {}", one.unit);
    text += fmt::format("{:<{}}{}{}; {} is better\n", one.name, indent, one.words, unit,
                        better(one));
    for (const std::string& line : wrapped(one.definition, width - indent))
      text += std::string(indent, ' ') + line + "\n";
  }
  return text;
}

nlohmann::json metrics_json() {
  auto all = nlohmann::json::array();
  for (const Metric& one : metrics())
    all.push_back({{"name", one.name},
                   {"head", one.head},
                   {"words", one.words},
                   {"unit", one.unit},
                   {"better", better(one)},
                   {"definition", one.definition}});
  return all;
}

}  // namespace echolab
