#include "bench/experiment_levels.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>

#include "bench/experiment_loads.hpp"
#include "common/program.hpp"

namespace echolab {
namespace {

struct AxisWords {
  const char* wanted;
  double least;
  double most;
};

AxisWords words_of(const Experiment& experiment) {
  switch (experiment.unit) {
    case AxisUnit::bytes:
      return {"number of bytes such as 4KiB, up to 16MiB", 1, 16 << 20};
    case AxisUnit::milliseconds:
      return {"time such as 10ms, up to 10s", 0, 10'000};
    case AxisUnit::percent:
      return {"percentage from 1 to 1000", 1, 1000};
    case AxisUnit::transport:
      return {"transport: tcp4, tcp6, unix, udp or unixgram", 0, 4};
    case AxisUnit::count:
      break;
  }
  const bool may_be_none =
      experiment.name == "idle_crowd" || experiment.name == "bad_company";
  return {may_be_none ? "number from 0 to 100000" : "number from 1 to 100000",
          may_be_none ? 0.0 : 1.0, 100'000};
}

std::optional<double> parsed(AxisUnit unit, const std::string& text) {
  const auto number = [](const auto& value) {
    return value ? std::optional(static_cast<double>(*value)) : std::nullopt;
  };
  switch (unit) {
    case AxisUnit::count:
      return number(parse_count(text));
    case AxisUnit::percent:
      return number(
          parse_count(text.ends_with('%') ? text.substr(0, text.size() - 1) : text));
    case AxisUnit::bytes:
      return number(parse_bytes(text));
    case AxisUnit::milliseconds:
      if (const auto time = parse_duration(text))
        return static_cast<double>(time->count()) / 1e6;
      return std::nullopt;
    case AxisUnit::transport:
      break;
  }
  const auto* const found = std::ranges::find(loads::transport_names, text);
  if (found == std::end(loads::transport_names)) return std::nullopt;
  return static_cast<double>(found - std::begin(loads::transport_names));
}

}  // namespace

std::vector<double> parse_levels(const Experiment& experiment, std::string_view option,
                                 std::string_view text) {
  const AxisWords words = words_of(experiment);
  std::vector<double> levels;
  for (const std::string& part : split(text)) {
    const auto at = parsed(experiment.unit, part);
    if (!at || *at < words.least || *at > words.most)
      throw UsageError(fmt::format("{}: '{}' is no {} ({})", option, part, words.wanted,
                                   experiment.axis));
    levels.push_back(*at);
  }
  std::ranges::sort(levels);
  levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
  if (levels.empty()) throw UsageError(fmt::format("{}: nothing given", option));
  return levels;
}

Level level_at(const Experiment& experiment, double at, const LoadPlan& load) {
  Level level{.at = at, .name = {}, .load = load};
  const auto stretched = [&](Nanoseconds time) {
    return std::chrono::duration_cast<Nanoseconds>(time * experiment.stretch);
  };
  level.load.duration = stretched(load.duration);
  level.load.warm_up = stretched(load.warm_up);
  experiment.shape(level);
  level.load.threads = std::min(level.load.threads, level.load.connections);
  return level;
}

}  // namespace echolab
