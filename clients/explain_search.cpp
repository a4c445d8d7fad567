#include "clients/explain_search.hpp"

#include <fmt/format.h>

#include "clients/load_report.hpp"

namespace echolab {
namespace {

using End = RateAnswer::End;
using Kind = RateAnswer::Kind;
using Sentences = std::vector<std::string>;

std::string at(const End& end) {
  return show_count(end.rate) + " requests/s";
}

std::string length_text(Nanoseconds length) {
  return show_duration(static_cast<double>(length.count()));
}

std::string sought(const SearchRecord& record) {
  Nanoseconds spent{0};
  for (const SearchTrial& trial : record.trials) spent += trial.asked.length;
  return fmt::format(
      "You sought the highest rate of requests at which {} still holds, with {} "
      "connections. Requests arrive by a schedule, whatever the server does, and "
      "response "
      "counts from when a request was due. {} loads of one rate each were tried, {} in "
      "all.",
      record.promise.text(), record.plan.connections, record.trials.size(),
      length_text(spent));
}

/// "confirmed by a load of 10.0 s", or what it is instead.
std::string trust(const SearchRecord& record, const End& end) {
  const Nanoseconds length = record.trials.at(end.trial - 1).asked.length;
  return fmt::format(
      "{} of {}",
      end.confirmed ? "confirmed by a load" : "not confirmed, only seen in a load",
      length_text(length));
}

void add_found(Sentences& said, const SearchRecord& record) {
  const RateAnswer& answer = record.answer;
  if (answer.kept)
    said.push_back(fmt::format("Up to {} it held: {}.", at(*answer.kept),
                               trust(record, *answer.kept)));
  else
    said.push_back("No rate is known at which it held.");
  if (answer.broken)
    said.push_back(fmt::format("At {} it did not: {}.", at(*answer.broken),
                               trust(record, *answer.broken)));
  else
    said.push_back("No rate is known at which it broke.");
  if (answer.doubts)
    said.push_back(
        "Between the two are rates at which it held in one load and broke in another: "
        "the "
        "truth lies there, and loads of this length do not tell it.");
  else if (answer.kind == Kind::interval)
    said.push_back(fmt::format(
        "The highest rate lies between the two, which are {:.1f} % apart, as far as such "
        "loads can tell.",
        100 * (answer.broken->rate / answer.kept->rate - 1)));
}

/// Where an average response went, of the load that broke the promise.
std::string parts_text(const nlohmann::json& row) {
  const auto mean = [&](const char* name) {
    return row.is_object() && row.contains(name) && row[name]["mean"].is_number()
               ? row[name]["mean"].get<double>()
               : 0.0;
  };
  const double blocked = mean("blocked_ns");
  const double lag = mean("lag_ns");
  const double service = mean("service_ns");
  const double whole = blocked + lag + service;
  if (whole <= 0) return "";
  return fmt::format(
      " Where the time of an average request went there: {:.0f} % until a connection was "
      "free (blocked), {:.0f} % until the client had sent it (lag: ours), {:.0f} % from "
      "then to the reply (service).",
      100 * blocked / whole, 100 * lag / whole, 100 * service / whole);
}

std::string with_reason(std::string text, const SearchTrial& trial) {
  const std::string& reason = trial.judgement.reason;
  return reason.empty() ? text + "." : fmt::format("{}: {}.", text, reason);
}

/// What kept the rate from being higher, if anything did.
std::string limit(const SearchRecord& record) {
  const auto& broken = record.answer.broken;
  if (!broken)
    return record.answer.kept ? "Nothing limited the server in what was tried."
                              : "What limits the server is not known.";
  const SearchTrial& trial = record.trials.at(broken->trial - 1);
  switch (broken->outcome) {
    case Outcome::overloaded:
      return with_reason(
          "What limits it is the server's throughput: it did not keep up there", trial);
    case Outcome::broken:
      return "What limits it is the response time: the server kept up with what arrived, "
             "but replies came too late." +
             parts_text(trial.row);
    case Outcome::client_bound:
      return with_reason(
          "What limits it is the client, or may be: the server may take more, so the "
          "rate "
          "that held is a lower bound",
          trial);
    case Outcome::noisy:
      return with_reason(
          "What broke the promise may be the machine: something else disturbed it",
          trial);
    case Outcome::kept:
    case Outcome::too_few:
    case Outcome::failed:
      break;
  }
  return with_reason("What limits it is not known", trial);
}

/// Why the search ended before it knew.
void add_ending(Sentences& said, const SearchRecord& record) {
  switch (record.answer.kind) {
    case Kind::noisy:
      said.push_back(
          "Loads of full length contradicted each other too often, so the search ended: "
          "the machine is noisy, or the server unsteady.");
      break;
    case Kind::spent:
      said.push_back("The search took longer than it may, and ended before it was done.");
      break;
    case Kind::too_few:
      said.push_back(fmt::format(
          "To tell {} takes {} responses, more than came in the longest load.",
          record.promise.text(), record.promise.samples()));
      break;
    case Kind::failed:
      said.push_back(fmt::format(
          "The last load was {}, so the search ended: {}. Of a server that does this no "
          "rate says much.",
          verdict_text(record.trials.back().judgement.verdict),
          record.trials.back().judgement.reason));
      break;
    case Kind::unfinished:
    case Kind::interval:
    case Kind::at_least:
    case Kind::none_kept:
      break;
  }
  if (record.interrupted)
    said.push_back("It was interrupted: what is said here is what was known by then.");
}

/// Users do not come in step.
void add_arrivals(Sentences& said, const SearchRecord& record) {
  const auto& arrivals = record.plan.workload.arrivals;
  if (arrivals && arrivals->law == ArrivalPlan::Law::fixed)
    said.push_back(
        "Mind: arrivals were evenly spaced, as those of many users are not; with "
        "--arrivals poisson the rate that holds is lower.");
}

/// "20s": twice as long as the loads that confirmed.
std::string longer(const SearchRecord& record) {
  return "-d " + write_duration(2 * record.plan.duration);
}

std::string next(const SearchRecord& record) {
  const RateAnswer& answer = record.answer;
  switch (answer.kind) {
    case Kind::interval:
      return fmt::format(
          "Next: -R {} for some minutes, such as -d 5m, shows whether it holds for "
          "longer; "
          "to compare servers, search more than once.",
          show_count(answer.kept->rate));
    case Kind::at_least:
      return "Next: -t with more threads, where there are cores for them, or the client "
             "on "
             "another host; --calibrate shows what it can do.";
    case Kind::none_kept:
      return fmt::format(
          "Next: a promise that is easier to keep, or -R {} --explain, which shows where "
          "the time goes.",
          show_count(answer.broken->rate));
    case Kind::noisy:
      return fmt::format("Next: repeat it when nothing else runs, or with {}.",
                         longer(record));
    case Kind::spent:
    case Kind::unfinished:
      return fmt::format(
          "Next: {}nearer to the answer, where it begins, or {}.",
          answer.kept ? "-R " + show_count(answer.kept->rate) + ", " : "-R ",
          longer(record));
    case Kind::too_few:
      return fmt::format(
          "Next: a longer {}, or a promise that fewer responses can tell, such as p90.",
          longer(record));
    case Kind::failed:
      return "Next: mend what the reason names, or try with fewer connections, such as "
             "-c 1.";
  }
  return "";
}

}  // namespace

std::vector<std::string> explain_search(const SearchRecord& record) {
  Sentences said = {sought(record)};
  add_found(said, record);
  said.push_back(limit(record));
  add_ending(said, record);
  add_arrivals(said, record);
  said.push_back(next(record));
  return said;
}

}  // namespace echolab
