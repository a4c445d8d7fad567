#include "bench/campaign_row.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "bench/campaign_ceiling.hpp"
#include "bench/offered_load.hpp"
#include "bench/results_folder.hpp"
#include "clients/error_kinds.hpp"
#include "common/error.hpp"

namespace echolab {
namespace {

using Json = nlohmann::json;

Verdict verdict_of(const std::string& text) {
  for (const Verdict verdict :
       {Verdict::valid, Verdict::client_bound, Verdict::overloaded, Verdict::unsteady,
        Verdict::noisy, Verdict::corrupt, Verdict::failed})
    if (verdict_text(verdict) == text) return verdict;
  throw UsageError(fmt::format("'{}' is no verdict", text));
}

Histogram histogram_of(const Json& row) {
  std::vector<Histogram::Bucket> buckets;
  for (const Json& bucket : row.at("histogram"))
    buckets.push_back({bucket.at(0).get<std::uint64_t>(),
                       bucket.at(1).get<std::uint64_t>(),
                       bucket.at(2).get<std::uint64_t>()});
  const Json& sums = row.at("latency_ns");
  const auto whole = [&](const char* member) {
    return sums.at(member).get<std::uint64_t>();
  };
  return Histogram::restored(
      buckets, {whole("sum"), whole("min"), whole("max"), whole("overflow")});
}

void read_server(const Json& server, ServerFigures& figures) {
  server.at("cpu_ns_per_request").get_to(figures.cpu_ns_per_request);
  server.at("cpu_cores_used").get_to(figures.cpu_cores_used);
  server.at("voluntary_switches_per_request")
      .get_to(figures.voluntary_switches_per_request);
  server.at("involuntary_switches_per_request")
      .get_to(figures.involuntary_switches_per_request);
  server.at("processes").get_to(figures.size.processes);
  server.at("threads").get_to(figures.size.threads);
  server.at("descriptors").get_to(figures.size.descriptors);
  server.at("pss_bytes").get_to(figures.size.pss_bytes);
  server.at("pss_bytes_idle").get_to(figures.pss_bytes_idle);
}

/// Rows of before lack some.
LoadErrors errors_of(const Json& row) {
  const Json errors = row.value("errors", Json::object());
  LoadErrors read;
  for (const auto& [name, count] : error_ends)
    read.*count = errors.value(name, std::uint64_t{0});
  for (const auto& [name, count] : error_kinds)
    read.*count = errors.value(name, std::uint64_t{0});
  return read;
}

std::optional<ConnectTimes> connect_of(const Json& row) {
  const Json times = row.value("connect_ns", Json());
  if (times.is_null()) return std::nullopt;
  const auto figure = [&](const char* member) {
    return times.at(member).is_null() ? 0 : times.at(member).get<double>();
  };
  return ConnectTimes{times.at("n").get<std::uint64_t>(), figure("p50"), figure("p99"),
                      figure("max")};
}

/// Older rows have none.
std::optional<MachineFigures> machine_of(const Json& row) {
  const Json machine = row.value("machine", Json());
  if (machine.is_null()) return std::nullopt;
  const Json& each = machine.at("cpu_ns_per_request");
  return MachineFigures{machine.at("busy_cores").get<double>(),
                        machine.at("client_cores").get<double>(),
                        each.is_null() ? 0 : each.get<double>()};
}

/// "16 active, 1000 idle".
std::string told(const LoadPlan& load) {
  if (load.company.empty())
    return fmt::format("{} {}", load.connections, text_of(load.manners.kind));
  std::string text = fmt::format("{} {}", load.connections, load.name);
  for (const LoadPlan& other : load.company)
    text += fmt::format(", {} {}", other.connections, other.name);
  return text;
}

/// Of a row of before a trial saw to it itself: the silent did not stay, so that the load
/// was less than its level says. The report overlooks it likewise
/// (scripts/report/trial.py).
std::string why_deserted(const Json& row) {
  const Json gone = row.value("company_failed", Json());
  const bool are_silent = row.value("load", "").find(" idle") != std::string::npos;
  if (gone.is_null() || gone == 0 || !are_silent) return "";
  return fmt::format("{} of the silent connections were not held", gone.dump());
}

Trial trial_of(const Json& row) {
  Trial trial;
  trial.judgement.verdict = verdict_of(row.at("verdict").get<std::string>());
  row.at("reason").get_to(trial.judgement.reason);
  trial.load.details.reset();
  trial.load.errors = errors_of(row);
  if (row.at("seconds").is_null()) return trial;  // FAILED or CORRUPT
  if (const std::string why = why_deserted(row); !why.empty()) {
    trial.judgement = {Verdict::failed, why};
    return trial;
  }
  row.at("seconds").get_to(trial.load.seconds);
  row.at("requests").get_to(trial.load.requests);
  if (const auto rate = row.find("offered_per_second");
      rate != row.end() && rate->is_number())
    trial.load.offered = static_cast<std::uint64_t>(
        std::llround(rate->get<double>() * trial.load.seconds));
  trial.load.reply_bytes = row.value("reply_body_bytes", std::uint64_t{0});
  trial.load.response = histogram_of(row);
  const Json& fairness = row.at("fairness");
  fairness.at("requests_per_client").get_to(trial.load.requests_per_connection);
  const Json starvation = fairness.value("longest_starvation_ns", Json());
  trial.load.longest_starvation_ns.reset();  // of a folder of before
  if (!starvation.is_null())
    trial.load.longest_starvation_ns = starvation.get<std::int64_t>();
  read_server(row.at("server"), trial.server);
  trial.connect = connect_of(row);
  if (const Json failed = row.value("company_failed", Json()); !failed.is_null())
    failed.get_to(trial.company_failed);
  trial.machine = machine_of(row);
  return trial;
}

}  // namespace

Json row_json(const CampaignPlan& plan, const CampaignRow& row, std::size_t order) {
  const Level& level = plan.levels[row.level];
  auto json = trial_json(load_of(plan.contestants[row.contestant], level), row.trial);
  json["schema_version"] = 1;
  json["model"] = plan.contestants[row.contestant].name;
  json["family"] = plan.contestants[row.contestant].family;
  json["at"] = level.at;
  json["load"] = told(level.load);
  json["clients"] = level.load.connections;
  json["connections"] = connections_of(level.load);
  const std::uint64_t life = level.load.manners.requests;
  json["requests_per_connection"] = life > 0 ? Json(life) : Json();
  json["round"] = row.round;
  json["load_seed"] = seed_of_round(plan, row.round);
  json["order"] = order;
  json["excluded"] = row.excluded.empty() ? Json() : Json(row.excluded);
  json["ended"] = time_text();
  return json;
}

CampaignRow row_of(const CampaignPlan& plan, std::string_view line) try {
  const Json row = Json::parse(line);
  const auto name = row.at("model").get<std::string>();
  const auto contestant = std::ranges::find(plan.contestants, name, &Contestant::name);
  const auto at = row.at("at").get<double>();
  const auto level = std::ranges::find(plan.levels, at, &Level::at);
  const auto round = row.at("round").get<std::uint64_t>();
  if (contestant == plan.contestants.end() || round >= plan.rounds ||
      level == plan.levels.end())
    throw UsageError(fmt::format("{} at {:g} in round {} is not in the manifest's plan",
                                 name, at, round));
  const Json excluded = row.value("excluded", Json());
  return {static_cast<std::size_t>(contestant - plan.contestants.begin()),
          static_cast<std::size_t>(level - plan.levels.begin()), round, trial_of(row),
          excluded.is_null() ? std::string() : excluded.get<std::string>()};
} catch (const Json::exception& error) {
  throw UsageError(error.what());
} catch (const std::invalid_argument& error) {
  throw UsageError(error.what());
}

}  // namespace echolab
