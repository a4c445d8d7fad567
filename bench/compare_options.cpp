#include "bench/compare_options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "bench/metric.hpp"
#include "bench/option_groups.hpp"
#include "bench/selection.hpp"
#include "common/option_tree.hpp"
#include "common/time_unit.hpp"

namespace echolab {
namespace {

constexpr const char* examples =
    "Examples:\n"
    "  echo_compare                                     the classic models and newer "
    "ones, as clients grow\n"
    "  echo_compare --list-experiments                  the questions, and what varies\n"
    "  echo_compare --doctor                            can this machine measure?\n"
    "  echo_compare idle_crowd                          what the silent cost the others\n"
    "  echo_compare scaling --preset standard --models all   the whole catalogue\n"
    "  echo_compare --models readiness,thread_pool      a family, and one more\n"
    "  echo_compare --models select_loop,epoll_level --at 1,100,500 --rounds 9\n"
    "  echo_compare payload --at 64,64KiB --clients 100  sizes of your own\n"
    "  echo_compare --models udp_iterative,udp_batched  over udp://127.0.0.1\n"
    "  echo_compare scaling --rate 50%                  what each costs at one rate\n"
    "  echo_compare churn --budget 10m                  as many rounds as fit\n"
    "  echo_compare scaling --precision 3% --budget 1h  or fewer, once that is known\n"
    "  echo_compare blocking_work --tune                each model's best setting first\n"
    "  echo_compare --protocol work --block 2ms         loops wait where threads "
    "overlap\n"
    "  echo_compare --server 'mine=./my_server {port}'  your own beside ours\n"
    "  echo_compare --protocol http --server 'nginx=bench/examples/nginx.sh {port}'  web "
    "servers, by GETs\n"
    "  echo_compare --assert 'epoll_level:p99<5ms@64'    exit code 9 unless it holds\n"
    "  echo_compare --resume results/2026-11-20T2145-vm  go on after Ctrl-C or a kill\n"
    "Each trial has a fresh server process; ratios are taken within a round.\n"
    "The table for a spreadsheet: scripts/export FOLDER --csv; a page: "
    "scripts/report.py.\n";

/// "9 rounds of 300ms after 150ms, a disturbed trial once more, --aa, --ceiling".
std::string words_of(const Length& length) {
  std::string text = fmt::format(
      "{} round{} of {} after {}", length.rounds, length.rounds == 1 ? "" : "s",
      write_duration(length.duration), write_duration(length.warm_up));
  if (length.repeats > 0)
    text += fmt::format(", a disturbed trial {} more",
                        length.repeats == 1 ? "once" : "twice");
  return text + (length.is_checked ? ", --aa, --ceiling" : "");
}

/// What becomes of the figures: thresholds, and how the table is drawn.
void add_table_options(CLI::App& parser, CompareOptions& options) {
  parser
      .add_option(
          "--assert", options.assertions,
          "[MODEL:]METRIC<VALUE[@LOAD], as in p99<5ms@64; exit code 9 unless kept")
      ->type_name("CLAUSE")
      ->allow_extra_args(false);
  takes(parser.add_option("--sort", options.sort,
                          "each load by this metric, best first; default: the "
                          "experiment's own"),
        {.kind = "metric", .choices = metric_words()});
  parser.add_flag("--wide", options.wide,
                  "all columns, not only what fits the terminal (elsewhere: 110)");
}

/// Where the results go, or came from.
void add_folder_options(CLI::App& parser, CompareOptions& options) {
  takes(parser
            .add_option("-o,--results", options.results,
                        "folder for the campaign's own folder")
            ->capture_default_str(),
        {.kind = "folder"});
  takes(parser.add_option("--folder-file", options.folder_file,
                          "write the path of the campaign's folder there, for scripts"),
        {.kind = "file"});
  takes(parser
            .add_option(
                "--resume", options.resume,
                "go on with the campaign of this folder: its plan, its missing trials")
            ->configurable(false),
        {.kind = "folder"});
  parser
      .add_flag("--resume-unlike", options.resume_unlike,
                "even if build or machine are not what they were; the folder tells")
      ->configurable(false);
}

std::vector<std::string> experiment_names() {
  std::vector<std::string> names;
  for (const Experiment& experiment : experiments()) names.emplace_back(experiment.name);
  return names;
}

/// What is measured.
void add_experiment_options(CLI::App& parser, CompareOptions& options) {
  CampaignPlan& plan = options.plan;
  takes(parser
            .add_option("experiment", options.experiment,
                        "the question; --list-experiments shows all")
            ->capture_default_str(),
        {.kind = "experiment", .choices = experiment_names()});
  add_choice(parser, "--preset", options.preset, "how large, see below",
             {std::begin(preset_names), std::end(preset_names)});
  parser.add_flag("--list-experiments", options.list_experiments,
                  "show the experiments, their questions and claims, and end");
  parser
      .add_flag("--list-metrics", options.list_metrics,
                "show the figures that experiments are decided by, and end")
      ->configurable(false);
  parser.add_option("--at", options.at,
                    "what the experiment varies, such as 1,100 or 64,4KiB or 0,10ms");
  takes(parser.add_option("-m,--models", options.models,
                          "names, families, all or classic, comma-separated"),
        {.kind = "model", .choices = selection_words(), .is_list = true});
  parser.add_option(
      "--server", options.servers,
      "NAME=COMMAND with {port}: any echo or HTTP server, measured beside the models");
  takes(parser.add_option("--baseline", plan.baseline,
                          "the server that the others are divided by; default: the "
                          "experiment's"),
        {.kind = "name"});
  parser.add_option("-c,--clients", options.clients,
                    "active clients; in scaling the same as --at");
  parser.add_option("-R,--rate", options.rate,
                    "open loop: requests/s in all, or 50% of the baseline's capacity");
  parser.add_flag("--tune", plan.tune,
                  "first sweep each model's own knobs on the same cores; use the best");
}

/// How often, and what the figures are judged by.
void add_statistics_options(CLI::App& parser, CompareOptions& options) {
  using namespace std::chrono_literals;
  CampaignPlan& plan = options.plan;
  add_count(parser, "-r,--rounds", plan.rounds,
            "how often each point is measured; default: of the preset", 1, 1000)
      ->default_str("");
  add_count(parser, "--repeats", plan.repeats,
            "at most, of a NOISY or UNSTEADY trial, not counted then; default: of the "
            "preset",
            0, 2)
      ->default_str("");
  add_duration(parser, "-b,--budget", plan.budget,
               "take so long in all: sets the rounds (3 at least)", 0s, 240h);
  parser.add_option("--precision", options.precision,
                    "such as 3%: end when all ratios to the baseline are known so well");
  parser.add_flag("--aa", options.aa,
                  "one model twice in each round: how much differs though nothing does");
  parser.add_flag("--no-aa", options.no_aa, "no such pair");
  parser.add_flag("--ceiling", options.ceiling,
                  "a null responder in each round: how fast the client is by itself");
  parser.add_flag("--no-ceiling", options.no_ceiling, "none");
}

void add_cpu_options(CLI::App& parser, CompareOptions& options) {
  parser.add_option("--server-cpus", options.server_cpus,
                    "such as 0,2-3; default: half of all cores, whole ones");
  parser.add_option("--client-cpus", options.client_cpus, "default: the other half");
}

}  // namespace

std::string compare_footer() {
  std::string text = examples;
  text += "Presets: what each has, where it is not given.\n";
  for (const Preset preset :
       {Preset::smoke, Preset::quick, Preset::standard, Preset::paper})
    text += fmt::format("  {:<10}{}\n", preset_names[static_cast<std::size_t>(preset)],
                        words_of(length_of(preset)));
  return text;
}

void add_compare_options(CLI::App& parser, CompareOptions& options) {
  using namespace std::chrono_literals;
  LoadPlan& load = options.plan.load;
  add_experiment_options(parser, options);
  add_statistics_options(parser, options);
  add_duration(parser, "-d,--duration", load.duration,
               "measured window of a trial; default: of the preset", 10ms, 1h)
      ->default_str("");
  add_duration(parser, "--warm-up", load.warm_up,
               "before the window, not counted; default: of the preset", 0s, 1h)
      ->default_str("");
  add_bytes(parser, "-s,--size", load.payload_bytes, "bytes of a request", 1, 1 << 30);
  add_count(parser, "-p,--pipeline", load.pipeline, "requests outstanding per connection",
            1, 65'536);
  add_work_options(parser, options.work);
  add_http_options(parser, options.http);
  add_count(parser, "-t,--threads", load.threads, "threads of the load generator", 1,
            256);
  add_count(parser, "-w,--workers", options.workers,
            "of the pools (0: each model's default)", 0, 4096);
  add_endpoint(parser, "--listen", options.listen,
               "where the servers of streams listen, or (udp://) those of datagrams");
  add_cpu_options(parser, options);
  add_count(parser, "--seed", options.plan.seed,
            "of the order of the trials; default: the time", 0, ~std::uint64_t{0})
      ->default_str("");
  add_choice(parser, "--order", options.order,
             "of a round's trials; listed: as models and loads are named",
             {"random", "listed"});
  add_folder_options(parser, options);
  parser
      .add_flag("--doctor", options.doctor,
                "can this machine measure? what stands in the way, what to do; and end")
      ->configurable(false);
  parser
      .add_flag("--dry-run", options.dry_run,
                "show the plan and how long it takes, and end")
      ->configurable(false);
  add_table_options(parser, options);
  add_time_unit(parser);
  parser.add_flag("--json", options.json,
                  "rows on stdout as JSON lines instead of the table");
  parser.add_flag("-q,--quiet", options.quiet, "no progress on stderr");
  parser
      .add_flag("-v,--verbose", options.verbose,
                "each trial's percentiles, CPU and reason; -vv: its server's command")
      ->configurable(false);
  group_compare_options(parser);
}

}  // namespace echolab
