#include "clients/search_report.hpp"

#include <fmt/format.h>

#include <cmath>

#include "clients/load_export.hpp"
#include "clients/load_report.hpp"
#include "common/program.hpp"

namespace echolab {
namespace {

using Kind = RateAnswer::Kind;

constexpr std::uint64_t search_schema_version = 1;

/// Above this share of the limit, our own lag may be what broke a promise.
constexpr double lag_share = 0.25;

bool breaks(const LatencyPromise& promise, const Histogram& times) {
  return promise.state(promise.figures_ns(times)) == PromiseState::broken;
}

/// Service or back-pressure alone would have broken the promise, or the lag is small
/// beside its limits.
bool is_the_servers_doing(const LatencyPromise& promise, const LoadDetails& parts) {
  if (breaks(promise, parts.service) || breaks(promise, parts.blocked)) return true;
  const auto lags = promise.figures_ns(parts.lag);
  for (std::size_t i = 0; i < lags.size(); ++i) {
    const auto limit_ns = static_cast<double>(promise.clauses()[i].limit.count());
    if (lags[i] && *lags[i] > lag_share * limit_ns) return false;
  }
  return true;
}

std::string_view purpose_text(RateTrial::Purpose purpose) {
  switch (purpose) {
    case RateTrial::Purpose::grow:
      return "grow";
    case RateTrial::Purpose::shrink:
      return "shrink";
    case RateTrial::Purpose::narrow:
      return "narrow";
    case RateTrial::Purpose::confirm:
      return "confirm";
  }
  return "";
}

std::string_view kind_text(Kind kind) {
  switch (kind) {
    case Kind::unfinished:
      return "unfinished";
    case Kind::interval:
      return "interval";
    case Kind::at_least:
      return "at least";
    case Kind::none_kept:
      return "none kept";
    case Kind::noisy:
      return "noisy";
    case Kind::spent:
      return "spent";
    case Kind::too_few:
      return "too few";
    case Kind::failed:
      return "failed";
  }
  return "";
}

std::string at(const std::optional<RateAnswer::End>& end) {
  return end ? show_count(end->rate) + " requests/s" : "";
}

std::string columns(std::string_view number, std::string_view purpose,
                    std::string_view rate, std::string_view length,
                    const std::vector<std::string>& figures, std::string_view outcome) {
  std::string line =
      fmt::format("  {:>5}  {:<8}{:>11}{:>10}", number, purpose, rate, length);
  for (const std::string& figure : figures) line += fmt::format("{:>13}", figure);
  return line + fmt::format("   {}\n", outcome);
}

/// "p99 1.21 ms, VALID, trial 13"
std::string end_text(const SearchRecord& record, const RateAnswer::End& end) {
  const SearchTrial& trial = record.trials.at(end.trial - 1);
  std::string text;
  for (std::size_t i = 0; i < trial.figures_ns.size(); ++i)
    text += fmt::format("{} {}, ", record.promise.clauses()[i].figure,
                        shown_figure(trial.figures_ns[i]));
  return fmt::format("{}{}, trial {}{}", text, verdict_text(trial.judgement.verdict),
                     end.trial, end.confirmed ? "" : ", not confirmed");
}

std::string paragraph(std::string_view name, const std::string& text) {
  std::string lines;
  for (const std::string& line : wrapped(text, 90)) {
    lines += fmt::format("  {:<14} {}\n", name, line);
    name = "";
  }
  return lines;
}

std::string end_lines(const SearchRecord& record) {
  std::string lines;
  const auto add = [&](std::string_view name, const auto& end) {
    if (!end) return;
    lines += fmt::format("  {:<14} {:>10} requests/s   {}\n", name, show_count(end->rate),
                         end_text(record, *end));
    const std::string& reason = record.trials.at(end->trial - 1).judgement.reason;
    if (!reason.empty()) lines += paragraph("", reason);
  };
  add("kept up to", record.answer.kept);
  add("not kept at", record.answer.broken);
  return lines;
}

nlohmann::json figures_json(const SearchRecord& record, const SearchTrial& trial) {
  auto figures = nlohmann::json::object();
  for (std::size_t i = 0; i < trial.figures_ns.size(); ++i) {
    const auto& ns = trial.figures_ns[i];
    figures[record.promise.clauses()[i].figure] =
        ns && std::isfinite(*ns) ? nlohmann::json(*ns) : nlohmann::json();
  }
  return figures;
}

nlohmann::json end_json(const SearchRecord& record,
                        const std::optional<RateAnswer::End>& end) {
  if (!end) return nullptr;
  const SearchTrial& trial = record.trials.at(end->trial - 1);
  return {{"requests_per_second", end->rate},
          {"outcome", outcome_text(end->outcome)},
          {"confirmed", end->confirmed},
          {"trial", end->trial},
          {"figures_ns", figures_json(record, trial)},
          {"verdict", verdict_text(trial.judgement.verdict)},
          {"reason", trial.judgement.reason}};
}

nlohmann::json trial_json(const SearchRecord& record, std::size_t number) {
  const SearchTrial& trial = record.trials.at(number - 1);
  return {{"trial", number},
          {"purpose", purpose_text(trial.asked.purpose)},
          {"requests_per_second", trial.asked.rate},
          {"seconds", std::chrono::duration<double>(trial.asked.length).count()},
          {"outcome", outcome_text(trial.outcome)},
          {"figures_ns", figures_json(record, trial)},
          {"verdict", verdict_text(trial.judgement.verdict)},
          {"reason", trial.judgement.reason},
          {"row", trial.row}};
}

/// Why there is no rate above `kept` of which the server is known to be the limit.
std::string at_least_text(const SearchRecord& record) {
  const auto& [kind, kept, broken, doubts] = record.answer;
  const std::string promise = record.promise.text();
  if (!broken)
    return fmt::format("{} holds at {} at least, the highest rate that is tried", promise,
                       at(kept));
  const std::string client =
      fmt::format("at {} the client was the limit: the server may do more", at(broken));
  if (!kept) return fmt::format("nothing is known of {}: {}", promise, client);
  return fmt::format("{} holds at {} at least; {}", promise, at(kept), client);
}

/// "…; p99<2ms held at 1.00k requests/s; it did not at 2.00k requests/s"
std::string with_ends(std::string text, const SearchRecord& record) {
  const auto& [kind, kept, broken, doubts] = record.answer;
  if (kept) text += fmt::format("; {} held at {}", record.promise.text(), at(kept));
  if (broken) text += fmt::format("; it did not at {}", at(broken));
  return text;
}

std::string interval_text(const SearchRecord& record) {
  const auto& [kind, kept, broken, doubts] = record.answer;
  return fmt::format(
      "{} holds up to {}, and no longer at {}: {}{}", record.promise.text(), at(kept),
      at(broken), doubts ? "between them now and then; " : "",
      broken->outcome == Outcome::overloaded ? "the server does not keep up there"
                                             : "replies come too late there");
}

}  // namespace

Outcome outcome_of(const LatencyPromise& promise, const LoadResult& result,
                   const Judgement& judgement) {
  const Verdict verdict = judgement.verdict;
  const bool silent = result.errors.total() == 0 && result.requests == 0;
  if (verdict == Verdict::corrupt) return Outcome::failed;
  if (verdict == Verdict::failed)
    return silent && result.offered > 0 ? Outcome::overloaded : Outcome::failed;
  if (verdict == Verdict::overloaded) return Outcome::overloaded;
  switch (promise.state(promise.figures_ns(result.response, without_reply(result)))) {
    case PromiseState::kept:
      return Outcome::kept;
    case PromiseState::too_few:
      return Outcome::too_few;
    case PromiseState::broken:
      break;
  }
  if (verdict == Verdict::client_bound) return Outcome::client_bound;
  if (verdict == Verdict::noisy) return Outcome::noisy;
  return !result.details || is_the_servers_doing(promise, *result.details)
             ? Outcome::broken
             : Outcome::client_bound;
}

std::string_view outcome_text(Outcome outcome) {
  switch (outcome) {
    case Outcome::kept:
      return "kept";
    case Outcome::broken:
      return "broken";
    case Outcome::overloaded:
      return verdict_text(Verdict::overloaded);
    case Outcome::client_bound:
      return verdict_text(Verdict::client_bound);
    case Outcome::noisy:
      return verdict_text(Verdict::noisy);
    case Outcome::too_few:
      return "n too small";
    case Outcome::failed:
      return verdict_text(Verdict::failed);
  }
  return "";
}

std::string answer_text(const SearchRecord& record) {
  switch (record.answer.kind) {
    case Kind::unfinished:
      return with_ends(fmt::format("{} trials, and no answer yet", record.trials.size()),
                       record);
    case Kind::interval:
      return interval_text(record);
    case Kind::at_least:
      return at_least_text(record);
    case Kind::none_kept:
      return fmt::format("{} does not hold at {}, the lowest rate that can be tried",
                         record.promise.text(), at(record.answer.broken));
    case Kind::noisy:
      return with_ends(
          "trials contradict each other: the machine is noisy, or the server unsteady; a "
          "longer --duration tells more",
          record);
    case Kind::spent:
      return with_ends(
          fmt::format("given up after {} trials: -R nearer to the answer, or a longer "
                      "--duration, helps",
                      record.trials.size()),
          record);
    case Kind::too_few:
      return fmt::format(
          "{} cannot be told: it takes {} responses, more than came in {}",
          record.promise.text(), record.promise.samples(),
          show_duration(static_cast<double>(record.search.longest.count())));
    case Kind::failed:
      return fmt::format("the search ended with trial {}: {}", record.trials.size(),
                         record.trials.back().judgement.reason);
  }
  return "";
}

std::string search_table(const SearchRecord& record) {
  const LoadPlan& plan = record.plan;
  std::string table = fmt::format(
      "{}: search for the highest rate with {}, {} connections x {} outstanding\n",
      plan.server.text(), record.promise.text(), plan.connections, plan.pipeline);
  std::vector<std::string> names;
  for (const PromiseClause& clause : record.promise.clauses())
    names.push_back(clause.figure);
  table += columns("trial", "purpose", "requests/s", "length", names, "outcome");
  std::size_t number = 0;
  for (const auto& [asked, outcome, figures_ns, judgement, row] : record.trials) {
    std::vector<std::string> figures;
    for (const auto& ns : figures_ns) figures.push_back(shown_figure(ns));
    figures.resize(names.size());  // no load, no figures
    table += columns(fmt::format("{}", ++number), purpose_text(asked.purpose),
                     show_count(asked.rate),
                     show_duration(static_cast<double>(asked.length.count())), figures,
                     outcome_text(outcome));
  }
  table += end_lines(record);
  return table + paragraph("answer", (record.interrupted ? "interrupted: " : "") +
                                         answer_text(record));
}

nlohmann::json search_json(const SearchRecord& record) {
  auto clauses = nlohmann::json::array();
  for (const PromiseClause& clause : record.promise.clauses())
    clauses.push_back({{"figure", clause.figure}, {"below_ns", clause.limit.count()}});
  auto trials = nlohmann::json::array();
  for (std::size_t number = 1; number <= record.trials.size(); ++number)
    trials.push_back(trial_json(record, number));
  return {{"schema_version", search_schema_version},
          {"promise", record.promise.text()},
          {"clauses", clauses},
          {"precision", record.search.precision},
          {"plan", plan_json(record.plan)},
          {"answer",
           {{"kind", kind_text(record.answer.kind)},
            {"text", answer_text(record)},
            {"doubts", record.answer.doubts},
            {"kept", end_json(record, record.answer.kept)},
            {"not_kept", end_json(record, record.answer.broken)}}},
          {"partial", record.interrupted},
          {"trials", trials}};
}

std::string search_csv(const SearchRecord& record) {
  std::string csv;
  std::size_t number = 0;
  for (const SearchTrial& trial : record.trials) {
    ++number;
    if (trial.row.is_null()) continue;
    const std::string line = load_csv(trial.row);
    const std::size_t end = line.find('\n') + 1;  // of the names
    if (csv.empty())
      csv = "trial,purpose,offered_per_second,outcome," + line.substr(0, end);
    csv += fmt::format("{},{},{},{},{}", number, purpose_text(trial.asked.purpose),
                       trial.asked.rate, outcome_text(trial.outcome), line.substr(end));
  }
  return csv;
}

ExitCode exit_code_of(const SearchRecord& record) {
  if (record.interrupted) return ExitCode::interrupted;
  switch (record.answer.kind) {
    case Kind::unfinished:
      return ExitCode::failure;
    case Kind::interval:
      return ExitCode::ok;
    case Kind::at_least:
      return ExitCode::client_bound;
    case Kind::none_kept:
      return ExitCode::threshold_missed;
    case Kind::noisy:
    case Kind::spent:
    case Kind::too_few:
      return ExitCode::unsteady;
    case Kind::failed:
      return exit_code_of(record.trials.back().judgement.verdict);
  }
  return ExitCode::failure;
}

}  // namespace echolab
