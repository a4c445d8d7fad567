#include "bench/threshold.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "bench/campaign.hpp"
#include "bench/experiment_levels.hpp"
#include "clients/comparison.hpp"
#include "common/program.hpp"

namespace echolab {
namespace {

constexpr const char* option = "--assert";

/// How the limit of a metric is typed.
struct Typed {
  const char* example;
  std::vector<std::string> units;
};

Typed typed(MetricKind kind) {
  switch (kind) {
    case MetricKind::time:
      return {"time such as 5ms", {"ns", "us", "ms", "s", "min", "h"}};
    case MetricKind::bytes:
      return {"number of bytes such as 4KiB", {"B", "kB", "KiB", "MB", "MiB", "GiB"}};
    case MetricKind::count:
      return {"number such as 64 or 10k", {"k", "M", "G"}};
    case MetricKind::number:
      break;
  }
  return {"number such as 1.5", {}};
}

std::optional<double> parsed(MetricKind kind, const std::string& text) {
  switch (kind) {
    case MetricKind::time:
      if (const auto time = parse_duration(text))
        return static_cast<double>(time->count());
      return std::nullopt;
    case MetricKind::bytes:
      if (const auto bytes = parse_bytes(text)) return static_cast<double>(*bytes);
      return std::nullopt;
    case MetricKind::count:
      if (const auto count = parse_count(text)) return static_cast<double>(*count);
      return std::nullopt;
    case MetricKind::number:
      break;
  }
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  const bool is_one = error == std::errc() && rest == end && std::isfinite(number);
  return is_one && number >= 0 ? std::optional(number) : std::nullopt;
}

double limit_of(const Metric& metric, const Comparison& clause, const std::string& text) {
  if (const auto limit = parsed(kind_of(metric), text)) return *limit;
  const Typed how = typed(kind_of(metric));
  const std::size_t unit = text.find_first_not_of("0123456789.");
  const bool has_unit = unit != text.npos && unit > 0;
  throw UsageError(fmt::format("{}: '{}': '{}' is no {}{}", option, clause.text, text,
                               how.example,
                               has_unit ? nearest(text.substr(unit), how.units) : ""));
}

std::string model_of(const CampaignPlan& plan, const Comparison& clause,
                     const std::string& name) {
  std::vector<std::string> known;
  for (const Contestant& one : plan.contestants)
    if (one.twin_of.empty() && !one.is_ceiling) known.push_back(one.name);
  for (const Absentee& one : plan.absent) known.push_back(one.contestant.name);
  if (std::ranges::count(known, name) == 0)
    throw UsageError(fmt::format("{}: '{}': '{}' is no server of this campaign{}", option,
                                 clause.text, name, nearest(name, known)));
  return name;
}

std::size_t level_of(const CampaignPlan& plan, const Comparison& clause,
                     std::string text) {
  if (plan.experiment->is_of_clients() && text.starts_with("c=")) text.erase(0, 2);
  const double at = parse_levels(*plan.experiment, option, text).front();
  const auto distance = [&](const Level& level) { return std::abs(level.at - at); };
  const auto found = std::ranges::min_element(plan.levels, {}, distance);
  if (found->at != at)
    throw UsageError(
        fmt::format("{}: '{}': this campaign has no load '{}'; the nearest is {}", option,
                    clause.text, text, found->name));
  return static_cast<std::size_t>(found - plan.levels.begin());
}

Threshold threshold_of(const CampaignPlan& plan, const Comparison& clause) {
  if (clause.sign.empty())
    throw UsageError(
        fmt::format("{}: '{}' is not [MODEL:]METRIC<VALUE[@LOAD], such as p99<5ms@64 or "
                    "epoll_level:rate>=10k",
                    option, clause.text));
  Threshold one{.text = clause.text, .clause = {}, .model = {}, .sign = clause.sign};
  const std::size_t colon = clause.left.rfind(':');
  const std::string word = clause.left.substr(colon + 1);  // npos + 1 is 0
  if (colon != clause.left.npos)
    one.model = model_of(plan, clause, clause.left.substr(0, colon));
  one.metric = &metric_called(option, word);
  const std::size_t at = clause.right.rfind('@');
  const std::string value = clause.right.substr(0, at);
  one.limit = limit_of(*one.metric, clause, value);
  if (at != clause.right.npos)
    one.level = level_of(plan, clause, clause.right.substr(at + 1));
  one.clause = word + clause.sign + value;
  return one;
}

}  // namespace

bool Threshold::is_kept_by(double figure) const {
  if (figure == limit) return sign.size() == 2;
  return is_upper() ? figure < limit : figure > limit;
}

std::vector<Threshold> parse_thresholds(const std::vector<std::string>& texts,
                                        const CampaignPlan& plan) {
  std::vector<Threshold> thresholds;
  for (const std::string& text : texts) {
    const std::vector<Comparison> clauses = comparisons(text);
    if (clauses.empty())
      throw UsageError(
          fmt::format("{}: '{}' asserts nothing; p99<5ms does", option, text));
    for (const Comparison& clause : clauses)
      thresholds.push_back(threshold_of(plan, clause));
  }
  return thresholds;
}

std::vector<std::string> texts_of(const std::vector<Threshold>& thresholds) {
  std::vector<std::string> texts;
  for (const Threshold& one : thresholds) texts.push_back(one.text);
  return texts;
}

}  // namespace echolab
