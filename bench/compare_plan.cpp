#include "bench/compare_plan.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>

#include "bench/baseline.hpp"
#include "bench/campaign_ceiling.hpp"
#include "bench/capacity_trials.hpp"
#include "bench/experiment_levels.hpp"
#include "bench/http_campaign.hpp"
#include "bench/offered_load.hpp"
#include "bench/selection.hpp"
#include "bench/sweep.hpp"
#include "bench/twin.hpp"
#include "common/machine.hpp"
#include "common/units.hpp"
#include "servers/availability.hpp"

namespace echolab {
namespace {

/// "0,2-3" as numbers; each must be one that this process may use.
std::vector<int> parse_cpus(const std::string& option, const std::string& text) {
  const std::vector<int> allowed = allowed_cpus();
  std::vector<int> cpus;
  for (const std::string& part : split(text)) {
    const std::vector<std::string> ends = split(part, '-');
    constexpr std::uint64_t no_cpu = 100'000;
    const bool whole = !ends.empty() && !part.starts_with('-') && !part.ends_with('-');
    const auto first = parse_count(whole ? ends.front() : "").value_or(no_cpu);
    const auto last = parse_count(whole ? ends.back() : "").value_or(no_cpu);
    if (first >= no_cpu || last >= no_cpu || ends.size() > 2 || first > last)
      throw UsageError(
          fmt::format("{}: '{}' is no list of CPUs such as 0,2-3", option, text));
    for (auto cpu = static_cast<int>(first); cpu <= static_cast<int>(last); ++cpu) {
      if (!std::ranges::binary_search(allowed, cpu))
        throw UsageError(
            fmt::format("{}: CPU {} is not there, or not allowed", option, cpu));
      cpus.push_back(cpu);
    }
  }
  return cpus;
}

/// Server and client on CPUs that share no core, where there are two cores.
void choose_cpus(CompareOptions& options) {
  const Topology topology = topology_of(allowed_cpus(), MachineFiles());
  const Sides halves = halves_of(topology);
  auto& server = options.plan.start.cpus;
  auto& client = options.plan.load.cpus;
  server = parse_cpus("--server-cpus", options.server_cpus);
  client = parse_cpus("--client-cpus", options.client_cpus);
  const bool is_given = !server.empty() || !client.empty();
  if (server.empty()) server = beside(topology, halves.server, client);
  if (client.empty())
    client = is_given ? beside(topology, halves.client, server) : halves.client;
  options.plan.placement = placement_of({server, client}, topology);
  options.plan.placement.is_given = is_given;
  options.plan.load.is_alone = is_parted(options.plan);
}

/// What the loads ask of a connection, and what does not fit into a datagram.
std::optional<std::string> why_no_datagrams(const CampaignPlan& plan,
                                            const Contestant& contestant) try {
  for (const Level& level : plan.levels) {
    if (!serves(contestant, level)) continue;
    LoadPlan load = level.load;
    load.server = start_at(plan, level).endpoint_of(contestant);
    check_datagrams(load);
    if (contestant.in_datagrams() &&
        (load.manners.kind != Manners::Kind::active || !load.company.empty()))
      return fmt::format(
          "{} is for streams, a datagram has no connection to hold or to end",
          plan.experiment->name);
  }
  return std::nullopt;
} catch (const UsageError& error) {
  return error.what();
}

/// Whatever the machine may be.
std::optional<std::string> why_not_asked(const CampaignPlan& plan, const Model& model) {
  const auto why = speaks_no_http(plan.load, model);
  return why ? why : why_no_datagrams(plan, model_contestant(model.name));
}

[[noreturn]] void refuse_nothing(const CampaignPlan& plan, bool is_asked_in_vain) {
  const Absentee& first = plan.absent.front();
  const std::string text =
      fmt::format("nothing to compare; {}: {}", first.contestant.name, first.reason);
  if (is_asked_in_vain) throw UsageError(text);
  throw Failure(ExitCode::unavailable, text);
}

void choose_contestants(CompareOptions& options) {
  auto& contestants = options.plan.contestants;
  const std::string selection = options.models.empty()
                                    ? std::string(options.plan.experiment->models)
                                    : options.models;
  bool is_asked_in_vain = true;
  for (const Model* model : select_models(selection)) {
    const Contestant one = model_contestant(model->name);
    auto why = why_not_asked(options.plan, *model);
    is_asked_in_vain = is_asked_in_vain && why.has_value();
    if (!why) why = unavailable_because(*model);
    if (why)
      options.plan.absent.push_back({one, *why});
    else
      contestants.push_back(one);
  }
  for (const std::string& text : options.servers)
    contestants.push_back(external_contestant(text));
  if (contestants.empty()) refuse_nothing(options.plan, is_asked_in_vain);
  for (auto a = contestants.begin(); a != contestants.end(); ++a)
    if (std::ranges::count(contestants, a->name, &Contestant::name) > 1)
      throw UsageError(fmt::format("'{}' is named twice", a->name));
  if (!options.servers.empty() && options.plan.start.listen.transport != Transport::tcp)
    throw UsageError("--server: works with a tcp:// --listen only");
}

/// Before the first trial: the null responder meets every level, and nobody chose it.
void check_datagrams_of_all(const CampaignPlan& plan) {
  for (const Contestant& contestant : plan.contestants)
    if (const auto why = why_no_datagrams(plan, contestant)) throw UsageError(*why);
}

/// Turns a budget into rounds: all that fit beside what comes first, 3 at least.
void fit_budget(CampaignPlan& plan) {
  CampaignPlan one = plan;
  one.rounds = 1;
  const double round = estimated_seconds(one);
  const double budget = std::chrono::duration<double>(plan.budget).count();
  const double capacity = capacity_seconds(plan);
  const double first = capacity + (plan.tune ? tuning_seconds(plan) : 0);
  plan.rounds = static_cast<std::uint64_t>(std::max(0.0, budget - first) / round);
  if (plan.rounds < 3)
    throw UsageError(fmt::format(
        "--budget {}: {}{}three rounds of this plan take {}; give more, or fewer "
        "--models or --at, or a shorter --duration",
        show_duration(budget * 1e9), capacity > 0 ? "measuring the capacity and " : "",
        plan.tune ? "tuning and " : "", show_duration(first * 1e9 + round * 3e9)));
}

/// Fewer rounds, where the ratios are known well before the last one. Of itself it wants
/// as many as it takes, within reason.
void choose_precision(CompareOptions& options, const CLI::App& parser) {
  if (parser.count("--precision") == 0) return;
  constexpr std::uint64_t least_rounds = 7;  // may_stop() never says so before
  constexpr std::uint64_t most_rounds = 50;
  const std::string& text = options.precision;
  double percent = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, percent);
  if (error != std::errc() || std::string_view(rest, end) != "%" ||
      !(percent >= 0.1 && percent <= 50))
    throw UsageError(fmt::format(
        "--precision: '{}' is no percentage such as 3%, from 0.1% to 50%", text));
  CampaignPlan& plan = options.plan;
  plan.precision = percent / 100;
  if (parser.count("--rounds") == 0) plan.rounds = most_rounds;
  if (plan.rounds < least_rounds)
    throw UsageError(
        fmt::format("--precision: is not known before {} rounds; --rounds {} "
                    "are fewer",
                    least_rounds, plan.rounds));
}

Preset preset_of(const CompareOptions& options) {
  const auto* const name = std::ranges::find(preset_names, options.preset);
  return static_cast<Preset>(name - std::begin(preset_names));
}

/// Of the preset, but for what was given.
void choose_length(CompareOptions& options, const CLI::App& parser) {
  const Length length = length_of(preset_of(options));
  CampaignPlan& plan = options.plan;
  if (parser.count("--duration") == 0) plan.load.duration = length.duration;
  if (parser.count("--warm-up") == 0) plan.load.warm_up = length.warm_up;
  if (parser.count("--rounds") == 0) plan.rounds = length.rounds;
  if (parser.count("--repeats") == 0) plan.repeats = length.repeats;
  choose_precision(options, parser);
  if (options.aa && options.no_aa) throw UsageError("--aa: contradicts --no-aa");
  options.aa = options.aa || (length.is_checked && !options.no_aa);
  if (options.ceiling && options.no_ceiling)
    throw UsageError("--ceiling: contradicts --no-ceiling");
  options.ceiling = options.ceiling || (length.is_checked && !options.no_ceiling);
  if (parser.count("--budget") > 0 && parser.count("--rounds") > 0)
    throw UsageError("--budget: sets the rounds; leave out --rounds");
  const auto given = [&](const char* option) { return parser.count(option) > 0; };
  const bool is_custom = std::ranges::any_of(
      std::initializer_list<const char*>{"--duration", "--warm-up", "--rounds",
                                         "--budget", "--precision", "--at", "--clients",
                                         "--rate", "--tune"},
      given);
  plan.preset = is_custom ? "custom" : options.preset;
  constexpr auto quick_budget = std::chrono::minutes(4);
  if (!is_custom && preset_of(options) == Preset::quick && options.models.empty() &&
      options.servers.empty())
    plan.budget = quick_budget;  // its rounds fit; what is repeated may not
}

/// The experiment's levels, with all that the load is otherwise.
void choose_levels(CompareOptions& options, const CLI::App& parser) {
  CampaignPlan& plan = options.plan;
  const Experiment& experiment = *plan.experiment;
  std::string text(experiment.levels.at(static_cast<std::size_t>(preset_of(options))));
  std::string option = "--at";
  if (parser.count("--at") > 0) text = options.at;
  plan.load.connections = experiment.clients;
  if (parser.count("--clients") > 0 && experiment.is_of_clients()) {
    if (parser.count("--at") > 0)
      throw UsageError("--clients: is what --at is in scaling; leave out one");
    option = "--clients";
    text = options.clients;
  } else if (parser.count("--clients") > 0) {
    const auto count = parse_count(options.clients);
    if (!count || *count < 1 || *count > 100'000)
      throw UsageError(
          fmt::format("--clients: '{}' is no number of active clients from 1 to 100000",
                      options.clients));
    plan.load.connections = *count;
  }
  if (parser.count("--rate") > 0) plan.rate = parse_offered_rate("--rate", options.rate);
  set_levels(plan, parse_levels(experiment, option, text));
  if (option == "--at") options.at = text;
}

/// An experiment that says what is asked is told nothing else.
void refuse_what_is_set(const CompareOptions& options, const CLI::App& parser) {
  const Level level = level_at(*options.plan.experiment, 1, LoadPlan());
  const auto refuse = [&](const char* option) {
    if (parser.count(option) > 0)
      throw UsageError(fmt::format("{}: {} sets it itself; --at says how much", option,
                                   options.plan.experiment->name));
  };
  if (level.load.work)
    for (const char* option : {"--protocol", "--compute", "--block", "--heavy"})
      refuse(option);
  if (level.load.payload_bytes != LoadPlan().payload_bytes) {
    refuse("--size");
    if (options.work.protocol == "http")
      throw UsageError(
          fmt::format("--protocol http: {} sets the size of requests; a GET has no body",
                      options.plan.experiment->name));
  }
  if (level.listen) refuse("--listen");
  if (level.load.manners.is_reborn()) refuse("--pipeline");
  const bool all_at_once = level.load.connects_at_once != LoadPlan().connects_at_once;
  if ((level.load.workload.is_open() || all_at_once) && parser.count("--rate") > 0)
    throw UsageError(
        fmt::format("--rate: {} says itself when its requests come; leave "
                    "it out",
                    options.plan.experiment->name));
}

/// Each end has a descriptor for a connection, and some of its own.
std::vector<std::string> leave_out_too_large(CampaignPlan& plan) {
  constexpr std::size_t own = 200;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  std::vector<std::string> notes;
  std::erase_if(plan.levels, [&](const Level& level) {
    const bool is_too_large = connections_of(level.load) + own > limit.rlim_max;
    if (is_too_large)
      notes.push_back(
          fmt::format("left out, as a process may have {} descriptors (ulimit -Hn): {}",
                      limit.rlim_max, level.name));
    return is_too_large;
  });
  if (plan.levels.empty())
    throw Failure(ExitCode::unavailable, "nothing to compare; " + notes.front());
  return notes;
}

}  // namespace

std::vector<std::string> complete(CompareOptions& options, const CLI::App& parser) {
  CampaignPlan& plan = options.plan;
  plan.experiment = &find_experiment(options.experiment);
  choose_length(options, parser);
  refuse_what_is_set(options, parser);
  complete_work(options.work, parser, plan.load);
  complete_http(options.http, options.work.protocol, parser, plan.load);
  if (plan.load.http && options.listen.is_datagram())
    throw UsageError(
        fmt::format("--listen {}: HTTP needs a stream", options.listen.text()));
  choose_cpus(options);
  choose_levels(options, parser);
  auto notes = leave_out_too_large(plan);
  for (std::string& note : leave_out_datagrams(plan)) notes.push_back(std::move(note));
  // Each contestant listens on a transport that it serves: --listen sets one of the two.
  (options.listen.is_datagram() ? plan.start.listen_datagrams : plan.start.listen) =
      options.listen;
  choose_contestants(options);
  check_baseline(plan);
  if (options.aa) add_twin(plan);
  add_closed(plan);
  if (options.ceiling) add_ceiling(plan);
  check_datagrams_of_all(plan);
  if (parser.count("--budget") > 0 && plan.budget.count() > 0) fit_budget(plan);
  plan.is_shuffled = options.order == "random";
  if (plan.tune && parser.count("--workers") > 0)
    throw UsageError("--workers: --tune finds the best of each model; leave out one");
  if (options.workers > 0)
    plan.start.arguments = {"--workers", std::to_string(options.workers)};
  plan.thresholds = parse_thresholds(options.assertions, plan);
  return notes;
}

}  // namespace echolab
