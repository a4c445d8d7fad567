#include "clients/assertion.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "clients/comparison.hpp"
#include "clients/load_report.hpp"
#include "common/program.hpp"

namespace echolab {
namespace {

std::string_view word(PromiseState state) {
  return state == PromiseState::kept     ? "kept"
         : state == PromiseState::broken ? "broken"
                                         : "too few";
}

}  // namespace

void Assertion::add_option(CLI::App& parser, std::string& text) {
  parser.add_option("--assert", text,
                    "of the response, as in p99<5ms,max<1s: exit code 9 unless it holds");
}

std::optional<LatencyPromise> Assertion::parse(const std::string& text,
                                               const CLI::App& parser) {
  if (parser.count("--assert") == 0) return std::nullopt;
  for (const char* name : {"--search", "--calibrate", "--null-responder", "--csv"})
    if (parser.count(name) > 0)
      throw UsageError(fmt::format(
          "--assert: is held against a load, in its table or its --json; not with {}",
          name));
  return LatencyPromise::parse("--assert", text);
}

Assertion::Assertion(LatencyPromise promise, const LoadResult& result)
    : promise_(std::move(promise)),
      figures_ns_(promise_.figures_ns(result.response, without_reply(result))) {}

nlohmann::json Assertion::json() const {
  auto rows = nlohmann::json::array();
  for (std::size_t i = 0; i < figures_ns_.size(); ++i) {
    const PromiseClause& clause = promise_.clauses()[i];
    const auto& ns = figures_ns_[i];
    rows.push_back(
        {{"promise", clause.text()},
         {"limit_ns", clause.limit.count()},
         {"figure_ns", ns && !std::isinf(*ns) ? nlohmann::json(*ns) : nlohmann::json()},
         {"state", word(clause.state(ns))}});
  }
  return rows;
}

std::string Assertion::lines() const {
  std::string text;
  for (std::size_t i = 0; i < figures_ns_.size(); ++i) {
    const PromiseClause& clause = promise_.clauses()[i];
    const bool is_kept = clause.state(figures_ns_[i]) == PromiseState::kept;
    text += fmt::format("  {:<14} {} {}   ({})\n", i == 0 ? "asserted" : "",
                        kept_mark(is_kept), clause.text(), shown_figure(figures_ns_[i]));
  }
  return text;
}

ExitCode Assertion::exit_code(Verdict verdict) const {
  const bool has_figures = verdict != Verdict::corrupt && verdict != Verdict::failed;
  if (has_figures && promise_.state(figures_ns_) != PromiseState::kept)
    return ExitCode::threshold_missed;
  return exit_code_of(verdict);
}

}  // namespace echolab
