#include "clients/latency_promise.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "clients/comparison.hpp"
#include "common/program.hpp"
#include "common/time_unit.hpp"

namespace echolab {
namespace {

using namespace std::chrono_literals;

constexpr Nanoseconds least_limit = 1us;
constexpr Nanoseconds most_limit = 1min;  // a histogram's range goes beyond it
constexpr std::uint64_t least_samples = 100;

struct Figure {
  std::string_view name;
  std::optional<double> quantile;
};
constexpr Figure known_figures[] = {{"p50", 0.5},     {"p90", 0.9}, {"p99", 0.99},
                                    {"p99.9", 0.999}, {"max", 1.0}, {"mean", {}}};

PromiseClause parse_clause(const std::string& option, const Comparison& clause) {
  if (clause.sign != "<")
    throw UsageError(
        fmt::format("{}: '{}' is not FIGURE<TIME, such as p99<2ms", option, clause.text));
  const std::string& name = clause.left;
  const auto* figure = std::ranges::find(known_figures, name, &Figure::name);
  if (figure == std::end(known_figures))
    throw UsageError(
        fmt::format("{}: '{}' is none of p50, p90, p99, p99.9, max and mean, as in "
                    "p99<2ms",
                    option, name));
  const auto limit = parse_duration(clause.right);
  if (!limit || *limit < least_limit || *limit > most_limit)
    throw UsageError(
        fmt::format("{}: '{}': '{}' is no duration from 1 us to 1 min, as in p99<2ms",
                    option, clause.text, clause.right));
  return {name, figure->quantile, *limit};
}

std::uint64_t samples_of(const PromiseClause& clause) {
  const double q = clause.quantile.value_or(1);
  return q < 1 ? static_cast<std::uint64_t>(std::ceil(std::log(0.025) / std::log(q))) : 1;
}

constexpr double infinite = std::numeric_limits<double>::infinity();

/// `all` has those without a response above its range.
std::optional<double> figure_ns(const PromiseClause& clause, const Histogram& all,
                                bool unanswered) {
  if (all.count() == 0) return std::nullopt;
  if (!clause.quantile) return unanswered ? infinite : all.mean_ns();
  const auto ns = all.quantile_ns(*clause.quantile);
  if (!ns) return std::nullopt;
  return *ns >= Histogram::range_end_ns ? infinite : static_cast<double>(*ns);
}

}  // namespace

std::string PromiseClause::text() const {
  return fmt::format("{}<{}", figure, write_duration(limit));
}

PromiseState PromiseClause::state(const std::optional<double>& ns) const {
  if (!ns) return PromiseState::too_few;
  return *ns < static_cast<double>(limit.count()) ? PromiseState::kept
                                                  : PromiseState::broken;
}

LatencyPromise LatencyPromise::parse(const std::string& option, const std::string& text) {
  LatencyPromise promise;
  for (const Comparison& clause : comparisons(text)) {
    promise.clauses_.push_back(parse_clause(option, clause));
    const std::string& figure = promise.clauses_.back().figure;
    if (std::ranges::count(promise.clauses_, figure, &PromiseClause::figure) > 1)
      throw UsageError(
          fmt::format("{}: '{}' has {} twice; once is right, as in "
                      "p50<1ms,p99<2ms",
                      option, text, figure));
  }
  if (promise.clauses_.empty())
    throw UsageError(
        fmt::format("{}: '{}' promises nothing; p99<2ms does", option, text));
  return promise;
}

std::string LatencyPromise::text() const {
  std::vector<std::string> parts;
  for (const PromiseClause& clause : clauses_) parts.push_back(clause.text());
  return fmt::format("{}", fmt::join(parts, ","));
}

std::uint64_t LatencyPromise::samples() const {
  std::uint64_t most = least_samples;
  for (const PromiseClause& clause : clauses_) most = std::max(most, samples_of(clause));
  return most;
}

bool LatencyPromise::is_of_max() const {
  return std::ranges::count(clauses_, "max", &PromiseClause::figure) > 0;
}

std::vector<std::optional<double>> LatencyPromise::figures_ns(
    const Histogram& response, std::uint64_t unanswered) const {
  Histogram all = response;
  for (std::uint64_t i = 0; i < unanswered; ++i) all.record(Histogram::range_end_ns);
  std::vector<std::optional<double>> figures;
  for (const PromiseClause& clause : clauses_)
    figures.push_back(figure_ns(clause, all, unanswered > 0));
  return figures;
}

PromiseState LatencyPromise::state(
    const std::vector<std::optional<double>>& figures_ns) const {
  PromiseState all = PromiseState::kept;
  for (std::size_t i = 0; i < clauses_.size(); ++i) {
    const PromiseState one = clauses_[i].state(figures_ns[i]);
    if (one == PromiseState::broken) return one;
    if (one == PromiseState::too_few) all = one;
  }
  return all;
}

std::string shown_figure(const std::optional<double>& ns) {
  if (!ns) return "n too small";
  return std::isinf(*ns) ? "no reply" : show_time(*ns);
}

}  // namespace echolab
