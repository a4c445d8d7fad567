#include "common/time_unit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/program.hpp"
#include "common/units.hpp"

namespace echolab {
namespace {

constexpr std::pair<const char*, double> units[] = {
    {"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};

std::string& chosen() {
  static std::string unit = "auto";
  return unit;
}

}  // namespace

void add_time_unit(CLI::App& parser) {
  add_choice(parser, "--time-unit", chosen(), "of the times in tables",
             {"auto", "ns", "us", "ms", "s"});
}

bool is_time_unit_fixed() {
  return chosen() != "auto";
}

std::string show_time(double ns) {
  if (!is_time_unit_fixed()) return show_duration(ns);
  const auto* const unit = std::ranges::find(
      units, chosen(), [](const auto& one) { return std::string(one.first); });
  const double value = ns / unit->second;
  return value >= 99.95 ? fmt::format("{:.0f} {}", value, unit->first)
                        : fmt::format("{:.3g} {}", value, unit->first);
}

}  // namespace echolab
