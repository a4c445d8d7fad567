// echo_compare: which model, under which load, at what price.

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <ctime>

#include "bench/campaign_display.hpp"
#include "bench/campaign_precision.hpp"
#include "bench/campaign_row.hpp"
#include "bench/compare_options.hpp"
#include "bench/compare_plan.hpp"
#include "bench/doctor.hpp"
#include "bench/experiment_list.hpp"
#include "bench/manifest.hpp"
#include "bench/results_folder.hpp"
#include "bench/resumption.hpp"
#include "bench/threshold_outcome.hpp"
#include "bench/tuning.hpp"
#include "common/affinity.hpp"
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

/// The last line of --json, where anything was asserted; and what was missed, on stderr.
void tell_thresholds(const CampaignPlan& plan, const Outcomes& outcomes) {
  if (outcomes.empty()) return;
  const nlohmann::json line = {{"schema_version", 1},
                               {"thresholds", thresholds_json(plan, outcomes)}};
  fmt::print("{}\n", line.dump());
  for (const ThresholdOutcome& one : outcomes)
    if (!one.is_kept)
      fmt::print(stderr, "missed: {} by {}\n", one.threshold->clause,
                 outcome_in_words(plan, one));
}

/// Finds the settings of the campaign, unless its folder has them.
void tune_first(Resumption& campaign, CampaignDisplay& display, bool quiet,
                const std::stop_token& stop) {
  CampaignPlan& plan = campaign.plan;
  if (!plan.tune || !plan.tuned.empty()) return;
  const auto& folder = campaign.folder;
  const auto tuned =
      tune(plan, {folder.read_tuning_trials(),
                  [&](const std::string& line) { folder.append_tuning_trial(line); },
                  [&](const CampaignProgress& now) { display.show(now); },
                  [&](const std::string& words) {
                    display.clear();
                    if (!quiet) fmt::print(stderr, "{}\n", words);
                  },
                  stop});
  if (!tuned) return;
  use_tuned(plan, *tuned);
  plan.tuning_took = std::chrono::duration_cast<Nanoseconds>(
      std::chrono::duration<double>(tuned->at("seconds").get<double>()));
  campaign.manifest["tuned"] = *tuned;
  folder.write_manifest(campaign.manifest);
}

/// Runs what is missing of a campaign, and completes table and folder. 130 when
/// interrupted: what was measured is kept.
ExitCode compare(const CompareOptions& options, Resumption campaign) {
  auto& folder = campaign.folder;
  auto& manifest = campaign.manifest;
  const CampaignPlan& plan = campaign.plan;
  folder.write_manifest(manifest);
  if (!options.folder_file.empty()) write_file(options.folder_file, folder.path());
  Interrupt interrupt;
  // The runner stays off the servers' CPUs. Its servers choose their own before exec.
  pin_this_thread(plan.load.cpus);
  auto floor = floor_of(manifest);
  if (!floor) floor = measure_floor(plan);
  if (floor) manifest["floor"] = floor_json(*floor);
  folder.write_manifest(manifest);
  CampaignDisplay display(options.quiet);
  tune_first(campaign, display, options.quiet, interrupt.token());
  const auto [rows, why] = run_campaign(
      plan, std::move(campaign.rows),
      [&](const CampaignRow& row, std::size_t order) {
        const std::string line = row_json(plan, row, order).dump();
        folder.append_trial(line);
        if (options.json) fmt::print("{}\n", line);
      },
      [&](const CampaignProgress& now) { display.show(now); }, interrupt.token());
  display.clear();
  const Outcomes outcomes = threshold_outcomes(plan, rows);
  if (manifest["finished"].is_null()) {  // else it was whole before
    if (!outcomes.empty()) manifest["thresholds"] = thresholds_json(plan, outcomes);
    manifest["partial"] = interrupt.happened();
    manifest["finished"] = time_text();
    manifest["precision"] = precision_json(plan, rows);
    manifest["ended_because"] = why.empty() ? nlohmann::json() : nlohmann::json(why);
    folder.write_manifest(manifest);
  }
  if (options.json) tell_thresholds(plan, outcomes);
  if (!options.json) fmt::print("{}", campaign_table(plan, rows, floor, paper(options)));
  std::fflush(stdout);
  if (!why.empty() && !options.quiet) fmt::print(stderr, "ended early: {}\n", why);
  fmt::print(stderr, "{}results in {}\n", interrupt.happened() ? "interrupted; " : "",
             folder.path());
  if (!interrupt.happened()) return code_of(rows, outcomes);
  fmt::print(stderr, "to go on: echo_compare --resume '{}'\n", folder.path());
  return ExitCode::interrupted;
}

/// With --resume, the folder has the plan: an option that changes it contradicts.
void refuse_beside_resume(const CLI::App& parser) {
  const std::vector<std::string> allowed = {"--resume",   "--resume-unlike", "--json",
                                            "--quiet",    "--folder-file",   "--config",
                                            "--sort",     "--wide",          "--time-unit"};
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
    for (const std::string& line : campaign.folder.read_trials().lines)
      fmt::print("{}\n", line);
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

ExitCode examine(bool as_json) {
  const auto findings = examine_machine();
  if (as_json) fmt::print("{}\n", findings_json(findings).dump());
  if (!as_json) fmt::print("{}", findings_text(findings, wants_colour(STDOUT_FILENO)));
  return is_fit(findings) ? ExitCode::ok : ExitCode::failure;
}

ExitCode start(int argc, char** argv) {
  CompareOptions options;
  options.plan.seed = static_cast<std::uint64_t>(std::time(nullptr));
  options.plan.repeats = 2;
  CLI::App parser(
      "Compares server models: each with the same load, interleaved, verified.",
      "echo_compare");
  set_up_parser(parser, compare_examples);
  add_compare_options(parser, options);
  if (!parse_command_line(parser, argc, argv)) return ExitCode::ok;
  if (options.doctor) return examine(options.json);
  if (options.list_experiments) return list_experiments(options.json);
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
