// echo_compare: which model, under which load, at what price.

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <optional>
#include <system_error>

#include "bench/campaign_display.hpp"
#include "bench/campaign_order.hpp"
#include "bench/campaign_precision.hpp"
#include "bench/campaign_row.hpp"
#include "bench/capacity_trials.hpp"
#include "bench/capacity_words.hpp"
#include "bench/compare_options.hpp"
#include "bench/compare_plan.hpp"
#include "bench/completed_options.hpp"
#include "bench/demand.hpp"
#include "bench/doctor.hpp"
#include "bench/experiment_list.hpp"
#include "bench/machine_facts.hpp"
#include "bench/manifest.hpp"
#include "bench/metric_list.hpp"
#include "bench/results_folder.hpp"
#include "bench/resumption.hpp"
#include "bench/threshold_outcome.hpp"
#include "bench/tuning.hpp"
#include "common/affinity.hpp"
#include "common/config.hpp"
#include "common/interrupt.hpp"

namespace echolab {
namespace {

/// A terminal takes what fits, a file or a pipe what can be read in a mail or a log.
Paper paper(const CompareOptions& options) {
  constexpr std::size_t all = 1000;
  constexpr std::size_t of_a_file = 110;
  const std::size_t here =
      ::isatty(STDOUT_FILENO) == 1 ? columns_of(STDOUT_FILENO) : of_a_file;
  return {options.wide ? all : here, wants_colour(STDOUT_FILENO),
          options.sort.empty() ? nullptr : &metric_called("--sort", options.sort)};
}

using Outcomes = std::vector<ThresholdOutcome>;

/// Of the trials that count, the worst; a threshold that is missed counts where all were
/// measured.
ExitCode code_of(const std::vector<CampaignRow>& rows, const Outcomes& outcomes) {
  const auto any = [&](Verdict verdict) {
    return std::ranges::any_of(rows, [&](const CampaignRow& row) {
      return row.trial.judgement.verdict == verdict;
    });
  };
  return any(Verdict::corrupt)  ? ExitCode::corrupt
         : any(Verdict::failed) ? ExitCode::failure
         : are_kept(outcomes)   ? ExitCode::ok
                                : ExitCode::threshold_missed;
}

/// A row on stdout, whole at once: somebody may read it while the campaign goes on.
void say_row(const std::string& line) {
  fmt::print("{}\n", line);
  if (std::fflush(stdout) != 0)
    throw std::system_error(errno, std::generic_category(), "fflush");
}

/// The last line of --json, where anything was asserted; and what was missed, on stderr.
void tell_thresholds(const CampaignPlan& plan, const Outcomes& outcomes) {
  if (outcomes.empty()) return;
  const nlohmann::json line = {{"schema_version", 1},
                               {"thresholds", thresholds_json(plan, outcomes)}};
  say_row(line.dump());
  for (const ThresholdOutcome& one : outcomes)
    if (!one.is_kept)
      fmt::print(stderr, "missed: {} by {}\n", one.threshold->clause,
                 outcome_in_words(plan, one));
}

/// Some trial is still to come.
bool is_unfinished(const Resumption& campaign) {
  CampaignOrder order(campaign.plan);
  for (const CampaignRow& row : campaign.rows) order.ran(row);
  return order.next().has_value();
}

/// Finds the capacity that arrivals are a share of, unless the folder has it. Trials of
/// before were offered what an older program took for it: no further ones belong to them.
void measure_capacity_first(Resumption& campaign, CampaignDisplay& display, bool quiet,
                            const std::stop_token& stop) {
  if (!lacks_capacity(campaign.plan) || !is_unfinished(campaign)) return;
  if (!campaign.rows.empty())
    throw UsageError(
        "--resume: its trials were offered shares of a capacity that was not measured, "
        "by an older echo_compare; begin it anew");
  if (!quiet) fmt::print(stderr, "{}\n", capacity_ahead(campaign.plan));
  std::optional<Capacity> capacity;
  try {
    capacity = measure_capacity(
        campaign.plan, [&](const CampaignProgress& now) { display.show(now); }, stop);
  } catch (const Failure&) {
    display.clear();
    throw;
  }
  if (!capacity) return;
  use_capacity(campaign.plan, std::move(*capacity));
  campaign.manifest["capacity"] = capacity_json(*campaign.plan.capacity);
  write_levels(campaign.manifest, campaign.plan);
  campaign.folder.write_manifest(campaign.manifest);
  display.clear();
  if (!quiet) fmt::print(stderr, "{}\n", capacity_text(*campaign.plan.capacity));
}

/// Finds the settings of the campaign, unless its folder has them.
void tune_first(Resumption& campaign, CampaignDisplay& display,
                const std::stop_token& stop) {
  CampaignPlan& plan = campaign.plan;
  if (!plan.tune || !plan.tuned.empty()) return;
  const auto& folder = campaign.folder;
  const auto tuned =
      tune(plan, {folder.read_tuning_trials(),
                  [&](const std::string& line) { folder.append_tuning_trial(line); },
                  [&](const CampaignProgress& now) { display.show(now); },
                  [&](const std::string& words) { display.say(words); }, stop});
  if (!tuned) return;
  use_tuned(plan, *tuned);
  plan.tuning_took = std::chrono::duration_cast<Nanoseconds>(
      std::chrono::duration<double>(tuned->at("seconds").get<double>()));
  campaign.manifest["tuned"] = *tuned;
  folder.write_manifest(campaign.manifest);
}

/// Runs the missing trials; each is kept as it ends.
CampaignEnd run(const CompareOptions& options, Resumption& campaign,
                CampaignDisplay& display, const std::stop_token& stop) {
  const auto keep = [&](const CampaignRow& row, std::size_t order) {
    const std::string line = row_json(campaign.plan, row, order).dump();
    campaign.folder.append_trial(line);
    if (!options.json) return;
    display.clear();
    say_row(line);
  };
  auto end = run_campaign(
      campaign.plan, std::move(campaign.rows), keep,
      [&](const CampaignProgress& now) { display.show(now); }, stop);
  display.clear();
  return end;
}

/// What is said below the progress: stdout has the result, unless it has the rows.
void say_end(const CompareOptions& options, const Resumption& campaign,
             const CampaignEnd& end, const std::optional<Floor>& floor) {
  if (!options.json) {
    fmt::print("{}", campaign_table(campaign.plan, end.rows, floor, paper(options)));
    std::fflush(stdout);
  }
  if (options.quiet) return;
  const std::string precision = precision_in_words(campaign.plan, end.rows);
  if (options.json && !precision.empty()) fmt::print(stderr, "ratios {}\n", precision);
  if (!end.why.empty()) fmt::print(stderr, "ended early: {}\n", end.why);
}

/// What the CPUs did against heat while it ran, of which its trials know nothing.
void tell_heat(nlohmann::json& manifest, std::optional<std::uint64_t> before) {
  const auto now = throttle_count(MachineFiles());
  if (!before || !now || *now <= *before) return;
  const std::string words = fmt::format(
      "throttled {} times for heat while it ran: late trials had a slower clock; better "
      "cooling, turbo off, a shorter campaign",
      *now - *before);
  manifest["warnings"].push_back(words);
  fmt::print(stderr, "note: {}\n", words);
}

/// Runs what is missing of a campaign, and completes table and folder. 130 when
/// interrupted: what was measured is kept.
ExitCode compare(const CompareOptions& options, Resumption campaign) {
  auto& folder = campaign.folder;
  auto& manifest = campaign.manifest;
  folder.write_manifest(manifest);
  if (!options.folder_file.empty()) write_file(options.folder_file, folder.path());
  const auto throttled_before = throttle_count(MachineFiles());
  Interrupt interrupt;
  // The runner stays off the servers' CPUs. Its servers choose their own before exec.
  pin_this_thread(campaign.plan.load.cpus);
  auto floor = floor_of(manifest);
  if (!floor) floor = measure_floor(campaign.plan);
  if (floor) manifest["floor"] = floor_json(*floor);
  folder.write_manifest(manifest);
  CampaignDisplay display({options.quiet, options.verbose}, interrupt.token());
  measure_capacity_first(campaign, display, options.quiet, interrupt.token());
  tune_first(campaign, display, interrupt.token());
  const CampaignEnd end = run(options, campaign, display, interrupt.token());
  const bool is_partial = interrupt.happened() && end.missing > 0;
  const Outcomes outcomes = threshold_outcomes(campaign.plan, end.rows);
  if (manifest["finished"].is_null()) {  // else it was whole before
    if (!outcomes.empty())
      manifest["thresholds"] = thresholds_json(campaign.plan, outcomes);
    manifest["partial"] = is_partial;
    tell_heat(manifest, throttled_before);
    manifest["finished"] = time_text();
    manifest["precision"] = precision_json(campaign.plan, end.rows);
    manifest["ended_because"] =
        end.why.empty() ? nlohmann::json() : nlohmann::json(end.why);
    folder.write_manifest(manifest);
  }
  if (options.json) tell_thresholds(campaign.plan, outcomes);
  say_end(options, campaign, end, floor);
  fmt::print(stderr, "{}results in {}\n", is_partial ? "interrupted; " : "",
             folder.path());
  if (is_partial)
    fmt::print(stderr, "to go on: echo_compare --resume '{}'\n", folder.path());
  return interrupt.happened() ? ExitCode::interrupted : code_of(end.rows, outcomes);
}

/// With --resume, the folder has the plan: an option that changes it contradicts.
void refuse_beside_resume(const CLI::App& parser) {
  const std::vector<std::string> allowed = {
      "--resume", "--resume-unlike", "--json",     "--quiet", "--verbose",   "--sort",
      "--config", "--folder-file",   "--no-color", "--plain", "--time-unit", "--wide"};
  for (const CLI::Option* option : parser.get_options()) {
    const std::string name = option->get_name();
    if (option->count() > 0 && std::ranges::count(allowed, name) == 0)
      throw UsageError(fmt::format(
          "{}: --resume goes on with the plan of its folder; leave it out", name));
  }
}

ExitCode go_on(const CompareOptions& options, const CLI::App& parser) {
  refuse_beside_resume(parser);
  Resumption campaign = resume(options.resume, options.resume_unlike);
  if (options.json)
    for (const std::string& line : campaign.folder.read_trials().lines) say_row(line);
  if (!options.quiet) {
    describe(campaign.plan, stderr);
    for (const std::string& note : campaign.notes) fmt::print(stderr, "  {}\n", note);
  }
  return compare(options, std::move(campaign));
}

ExitCode list_experiments(bool as_json) {
  if (as_json) fmt::print("{}\n", experiments_json().dump());
  if (!as_json)
    fmt::print("{}", experiments_text(std::min<std::size_t>(columns_of(1), 100)));
  return ExitCode::ok;
}

ExitCode list_metrics(bool as_json) {
  if (as_json) fmt::print("{}\n", metrics_json().dump());
  if (!as_json) fmt::print("{}", metrics_text(std::min<std::size_t>(columns_of(1), 100)));
  return ExitCode::ok;
}

/// Any option that a plan comes of.
bool asks_for_a_campaign(const CLI::App& parser) {
  const std::vector<std::string> others = {
      "--doctor",  "--json",   "--quiet",         "--time-unit", "--dry-run",
      "--config",  "--resume", "--resume-unlike", "--results",   "--folder-file",
      "--verbose", "--plain",  "--no-color"};
  return std::ranges::any_of(parser.get_options(), [&](const CLI::Option* option) {
    return option->count() > 0 && std::ranges::count(others, option->get_name()) == 0;
  });
}

/// Of the campaign that is asked for; what of it cannot be run is a finding.
Demand demand_asked_for(CompareOptions& options, const CLI::App& parser,
                        std::vector<Finding>& findings) try {
  for (const std::string& note : complete(options, parser))
    findings.push_back({"campaign", Finding::State::note, note,
                        "the largest loads have no answer",
                        "raise nofile in /etc/security/limits.conf, or ulimit -Hn"});
  return demand_of(options.plan);
} catch (const Failure& failure) {
  if (failure.code != ExitCode::unavailable) throw;
  findings.push_back({"campaign", Finding::State::missing, failure.what(),
                      "nothing of it can be run",
                      "mend that, or ask for other --models or --at"});
  return {};
}

/// For the campaign that other options ask for; without any, for all usual ones.
ExitCode examine(CompareOptions& options, const CLI::App& parser) {
  const bool is_planned = asks_for_a_campaign(parser);
  std::vector<Finding> findings;
  const Demand demand =
      is_planned ? demand_asked_for(options, parser, findings) : Demand();
  for (Finding& one : examine_machine(demand)) findings.push_back(std::move(one));
  const char* const campaign = is_planned ? "this campaign" : "every default campaign";
  if (options.json) fmt::print("{}\n", findings_json(findings).dump());
  if (!options.json)
    fmt::print("{}", findings_text(findings, wants_colour(STDOUT_FILENO), campaign));
  return is_fit(findings) ? ExitCode::ok : ExitCode::failure;
}

ExitCode start(int argc, char** argv) {
  CompareOptions options;
  options.plan.seed = static_cast<std::uint64_t>(std::time(nullptr));
  CLI::App parser(
      "Compares server models: each with the same load, interleaved, verified.",
      "echo_compare");
  set_up_parser(parser, compare_footer());
  add_compare_options(parser, options);
  parser.callback([&] {
    if (!wants_config(parser) || !options.resume.empty()) return;
    complete(options, parser);
    show_completed(options, parser);
  });
  if (!parse_command_line(parser, argc, argv)) return ExitCode::ok;
  if (options.doctor) return examine(options, parser);
  if (options.list_experiments) return list_experiments(options.json);
  if (options.list_metrics) return list_metrics(options.json);
  if (options.quiet && options.verbose > 0)
    throw UsageError("--verbose: contradicts --quiet");
  if (!options.sort.empty()) (void)metric_called("--sort", options.sort);
  if (!options.resume.empty()) return go_on(options, parser);
  if (options.resume_unlike)
    throw UsageError("--resume-unlike: goes with --resume FOLDER only");
  const auto notes = complete(options, parser);
  std::FILE* const out = options.dry_run ? stdout : stderr;
  if (options.dry_run || !options.quiet) {
    describe(options.plan, out);
    for (const std::string& note : notes) fmt::print(out, "  {}\n", note);
  }
  if (options.dry_run) return ExitCode::ok;
  auto manifest = manifest_json(options.plan, {argv, argv + argc});
  for (const std::string& note : notes) manifest["warnings"].push_back(note);
  return compare(options,
                 {ResultsFolder(options.results), manifest, options.plan, {}, {}});
}

}  // namespace
}  // namespace echolab

int main(int argc, char** argv) {
  return echolab::run_program("echo_compare", [&] { return echolab::start(argc, argv); });
}
