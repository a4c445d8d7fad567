#include "bench/manifest.hpp"

#include <fmt/format.h>

#include <cmath>

#include "bench/baseline.hpp"
#include "bench/campaign_ceiling.hpp"
#include "bench/capacity_trials.hpp"
#include "bench/demand.hpp"
#include "bench/environment.hpp"
#include "bench/machine_checks.hpp"
#include "bench/offered_load.hpp"
#include "bench/results_folder.hpp"
#include "bench/tuning.hpp"
#include "clients/http_options.hpp"
#include "clients/work_options.hpp"
#include "common/machine.hpp"
#include "common/program.hpp"
#include "servers/availability.hpp"

namespace echolab {
namespace {

using Json = nlohmann::json;

std::vector<double> places_of(const CampaignPlan& plan) {
  std::vector<double> places;
  for (const Level& level : plan.levels) places.push_back(level.at);
  return places;
}

Json options_json(const CampaignPlan& plan) {
  std::vector<std::string> names;
  for (const Contestant& contestant : plan.contestants) names.push_back(contestant.name);
  Json options = {
      {"models", names},
      {"levels", places_of(plan)},
      {"clients", plan.load.connections},
      {"rounds", plan.rounds},
      {"budget_seconds", std::chrono::duration<double>(plan.budget).count()},
      {"precision", plan.precision},
      {"seed", plan.seed},
      {"repeats", plan.repeats},
      {"duration_seconds", std::chrono::duration<double>(plan.load.duration).count()},
      {"warm_up_seconds", std::chrono::duration<double>(plan.load.warm_up).count()},
      {"payload_bytes", plan.load.payload_bytes},
      {"pipeline", plan.load.pipeline},
      {"protocol", plan.load.protocol()},
      {"work", work_json(plan.load)},
      {"http", http_json(plan.load)},
      {"endpoint",
       (is_in_datagrams(plan) ? plan.start.listen_datagrams : plan.start.listen).text()},
      {"server_cpus", plan.start.cpus},
      {"client_cpus", plan.load.cpus},
      {"load_threads", plan.load.threads},
      {"server_arguments", plan.start.arguments}};
  if (plan.tune) options["tune"] = true;  // absent, it is what older folders were: none
  if (!plan.is_shuffled) options["order"] = "listed";  // likewise: random
  if (!plan.thresholds.empty()) options["assert"] = texts_of(plan.thresholds);
  if (plan.rate && plan.rate->share > 0) options["rate_share"] = plan.rate->share;
  if (plan.rate && plan.rate->share <= 0)
    options["rate_per_second"] = plan.rate->per_second;
  return options;
}

std::string_view text_of(Experiment::Scale scale) {
  switch (scale) {
    case Experiment::Scale::category:
      return "category";
    case Experiment::Scale::linear:
      return "linear";
    case Experiment::Scale::log:
      break;
  }
  return "log";
}

Json claim_json(const Claim& claim) {
  return {{"text", claim.text},
          {"source", claim.source},
          {"metric", claim.metric},
          {"less", claim.less},
          {"more", claim.more},
          {"at", claim.at ? Json(*claim.at) : Json()},
          {"why_not", claim.why_not},
          {"within", claim.within ? Json(*claim.within) : Json()}};
}

Json levels_json(const CampaignPlan& plan) {
  auto levels = Json::array();
  for (const Level& level : plan.levels) {
    const auto& arrivals = level.load.workload.arrivals;
    const bool is_known = arrivals && arrivals->rate > 0;
    levels.push_back({{"at", level.at},
                      {"name", level.name},
                      {"arrivals", is_known ? Json(arrivals->text()) : Json()},
                      {"rate", is_known ? Json(arrivals->rate) : Json()}});
  }
  return levels;
}

/// What the levels are of, so that a report need not know the experiment.
Json experiment_json(const CampaignPlan& plan) {
  const Experiment& experiment = *plan.experiment;
  auto claims = Json::array();
  for (const Claim& claim : experiment.claims) claims.push_back(claim_json(claim));
  return {{"name", experiment.name},
          {"preset", plan.preset},
          {"question", experiment.question},
          {"axis", experiment.axis},
          {"scale", text_of(experiment.scale())},
          {"metric", experiment.metric},
          {"baseline", baseline_name(plan)},
          {"levels", levels_json(plan)},
          {"claims", claims}};
}

/// Its row of models.def, so that a report can say which idea two models differ in.
Json contestant_json(const Contestant& one, const Endpoint& endpoint,
                     const Json& absent) {
  Json axes;
  Json transports;
  if (one.model != nullptr) {
    transports = one.model->transports;
    for (const auto& [axis, value] : one.model->axes.named()) axes[axis] = value;
  }
  return {{"name", one.name},
          {"family", one.family},
          {"shows", one.shows},
          {"source", one.source},
          {"command", one.command},
          {"twin_of", one.twin_of.empty() ? Json() : Json(one.twin_of)},
          {"role", one.is_ceiling  ? Json("ceiling")
                   : one.is_closed ? Json("closed")
                                   : Json()},
          {"axes", axes},
          {"transports", transports},
          {"endpoint", endpoint.text()},
          {"unavailable_because", absent}};
}

Nanoseconds nanoseconds(const Json& seconds) {
  return Nanoseconds(std::llround(seconds.get<double>() * 1e9));
}

void read_work(const Json& work, LoadPlan& load) {
  if (work.is_null()) return;
  const auto us = [&](const char* member) {
    return std::chrono::duration_cast<std::chrono::microseconds>(
        Nanoseconds(work.at(member).get<std::int64_t>()));
  };
  load.work = WorkMix{us("compute_ns"), us("block_ns"),
                      work.at("heavy_share").get<double>(), us("heavy_compute_ns")};
}

void read_http(const Json& http, LoadPlan& load) {
  if (!http.is_null()) load.http = HttpAsk{http.at("get").get<std::string>()};
}

void read_options(const Json& options, CampaignPlan& plan) {
  options.at("clients").get_to(plan.load.connections);
  options.at("rounds").get_to(plan.rounds);
  plan.budget = nanoseconds(options.at("budget_seconds"));
  plan.precision = options.value("precision", 0.0);
  options.at("seed").get_to(plan.seed);
  plan.repeats = options.value("repeats", std::uint64_t{0});  // older folders had none
  plan.tune = options.value("tune", false);
  plan.is_shuffled = options.value("order", "random") == "random";
  if (options.contains("rate_share"))
    plan.rate = OfferedRate{.share = options.at("rate_share").get<double>()};
  if (options.contains("rate_per_second"))
    plan.rate =
        OfferedRate{.per_second = options.at("rate_per_second").get<std::uint64_t>()};
  options.at("server_cpus").get_to(plan.start.cpus);
  options.at("server_arguments").get_to(plan.start.arguments);
  LoadPlan& load = plan.load;
  load.duration = nanoseconds(options.at("duration_seconds"));
  load.warm_up = nanoseconds(options.at("warm_up_seconds"));
  options.at("payload_bytes").get_to(load.payload_bytes);
  options.at("pipeline").get_to(load.pipeline);
  options.at("client_cpus").get_to(load.cpus);
  options.at("load_threads").get_to(load.threads);
  read_work(options.at("work"), load);
  read_http(options.value("http", Json()), load);  // older folders had none
  load.is_alone = is_parted(plan);
}

void read_experiment(const Json& experiment, CampaignPlan& plan) {
  plan.experiment = &find_experiment(experiment.at("name").get<std::string>());
  experiment.at("preset").get_to(plan.preset);
  plan.baseline = experiment.value("baseline", "");
}

void read_contestant(const Json& row, CampaignPlan& plan) {
  if (row.value("role", Json()) == "ceiling") return add_ceiling(plan);
  if (row.value("role", Json()) == "closed") return add_closed(plan);
  const Json twin = row.value("twin_of", Json());
  const auto name = (twin.is_null() ? row.at("name") : twin).get<std::string>();
  const auto command = row.at("command").get<std::string>();
  Contestant one = command.empty() ? model_contestant(name)
                                   : external_contestant(name + "=" + command);
  if (!twin.is_null()) {
    row.at("name").get_to(one.name);
    one.twin_of = name;
  }
  const auto endpoint = Endpoint::parse(row.at("endpoint").get<std::string>());
  (one.in_datagrams() ? plan.start.listen_datagrams : plan.start.listen) = endpoint;
  if (const Json& absent = row.at("unavailable_because"); !absent.is_null()) {
    plan.absent.push_back({one, absent.get<std::string>()});
    return;
  }
  const auto why = one.model != nullptr ? unavailable_because(*one.model) : std::nullopt;
  if (why) throw UsageError(fmt::format("{} is not available here: {}", name, *why));
  plan.contestants.push_back(one);
}

/// What has to be the same for trials to be compared.
Json comparable(const Json& manifest) {
  Json kept = Json::object();
  for (const char* member : {"build", "environment"})
    kept[member] = manifest.value(member, Json());
  for (const char* path : what_may_differ) {
    const Json::json_pointer at(path);
    if (kept.contains(at)) kept.at(at.parent_pointer()).erase(at.back());
  }
  return kept;
}

std::string shown(const Json& value) {
  if (value.is_null()) return "unknown";
  return value.is_string() ? value.get<std::string>() : value.dump();
}

/// A member that only one of the two has was not recorded by the older program.
void add_differences(const Json& before, const Json& now, const std::string& path,
                     std::vector<std::string>& differences) {
  if (before.is_object() && now.is_object()) {
    const std::string_view dot = path.empty() ? "" : ".";
    for (const auto& [name, value] : before.items())
      if (now.contains(name))
        add_differences(value, now.at(name), fmt::format("{}{}{}", path, dot, name),
                        differences);
  } else if (before != now) {
    differences.push_back(
        fmt::format("{} was {}, is {}", path, shown(before), shown(now)));
  }
}

}  // namespace

Json manifest_json(const CampaignPlan& plan,
                   const std::vector<std::string>& command_line) {
  auto contestants = Json::array();
  for (const Contestant& one : plan.contestants)
    contestants.push_back(contestant_json(one, plan.start.endpoint_of(one), nullptr));
  for (const auto& [one, reason] : plan.absent)
    contestants.push_back(contestant_json(one, plan.start.endpoint_of(one), reason));
  return {
      {"schema_version", 1},
      {"tool", "echo_compare"},
      {"version", version_text()},
      {"started", time_text()},
      {"finished", nullptr},
      {"partial", true},
      {"command_line", command_line},
      {"experiment", experiment_json(plan)},
      {"options", options_json(plan)},
      {"build", build_json()},
      {"environment", environment_json(MachineFiles(), allowed_cpus(), plan.placement)},
      {"warnings", environment_warnings(demand_of(plan))},
      {"models", contestants},
      {"floor", nullptr},
      {"planned_trials", places_in_round(plan) * plan.rounds}};
}

void write_levels(Json& manifest, const CampaignPlan& plan) {
  manifest["experiment"]["levels"] = levels_json(plan);
}

CampaignPlan plan_of(const Json& manifest) try {
  CampaignPlan plan;
  read_experiment(manifest.at("experiment"), plan);
  read_options(manifest.at("options"), plan);
  set_levels(plan, manifest.at("options").at("levels").get<std::vector<double>>());
  for (const Json& row : manifest.at("models")) read_contestant(row, plan);
  plan.placement = placement_of({plan.start.cpus, plan.load.cpus},
                                topology_of(allowed_cpus(), MachineFiles()));
  plan.placement.is_given = true;
  if (const Json tuned = manifest.value("tuned", Json()); !tuned.is_null())
    use_tuned(plan, tuned);
  plan.thresholds = parse_thresholds(
      manifest.at("options").value("assert", std::vector<std::string>()), plan);
  if (const Json capacity = manifest.value("capacity", Json()); !capacity.is_null())
    use_capacity(plan, capacity_of(capacity));
  // What this program would write must be what stands there: else it was not understood.
  const Json again = options_json(plan);
  for (const auto& [name, value] : manifest.at("options").items())
    if (!again.contains(name) || again.at(name) != value)
      throw UsageError(fmt::format("options.{} cannot be gone on with", name));
  return plan;
} catch (const Json::exception& error) {
  throw UsageError(fmt::format("--resume: manifest.json: {}", error.what()));
} catch (const UsageError& error) {
  throw UsageError(fmt::format("--resume: manifest.json: {}", error.what()));
}

std::vector<std::string> unlikeness(const Json& before, const Json& now) {
  std::vector<std::string> differences;
  add_differences(comparable(before), comparable(now), "", differences);
  return differences;
}

Json floor_json(const Floor& floor) {
  return {{"round_trip_ns", floor.round_trip_ns},
          {"half_round_trip_ns", floor.round_trip_ns / 2},
          {"samples", floor.samples}};
}

std::optional<Floor> floor_of(const Json& manifest) {
  const Json floor = manifest.value("floor", Json());
  if (!floor.is_object()) return std::nullopt;
  return Floor{floor.value("round_trip_ns", 0.0), floor.value("samples", std::size_t{0})};
}

}  // namespace echolab
