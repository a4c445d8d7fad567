// echo_compare: which model, for how many clients, at what price.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>

#include "bench/campaign.hpp"
#include "bench/campaign_row.hpp"
#include "bench/environment.hpp"
#include "bench/manifest.hpp"
#include "bench/results_folder.hpp"
#include "bench/resumption.hpp"
#include "bench/selection.hpp"
#include "bench/twin.hpp"
#include "clients/work_options.hpp"
#include "common/affinity.hpp"
#include "common/interrupt.hpp"
#include "common/machine.hpp"
#include "common/program.hpp"
#include "servers/availability.hpp"

namespace echolab {
namespace {

struct Options {
  std::string models;
  std::vector<std::string> servers;
  std::string clients = "1,10,100,1000";
  Endpoint listen = Endpoint::parse("tcp://127.0.0.1:0");
  CampaignPlan plan;
  WorkOptions work;
  Nanoseconds budget{0};
  std::uint64_t workers = 0;
  std::string server_cpus;
  std::string client_cpus;
  std::string results = "results";
  std::string folder_file;
  std::string resume;
  bool resume_unlike = false;
  bool aa = false;
  bool quick = false;
  bool dry_run = false;
  bool json = false;
  bool quiet = false;
};

constexpr const char* examples =
    "Examples:\n"
    "  echo_compare                                     the classic models and newer "
    "ones\n"
    "  echo_compare --models all                        the whole catalogue\n"
    "  echo_compare --models readiness,thread_pool      a family, and one more\n"
    "  echo_compare --models select_loop,epoll_level --clients 1,100,500 --rounds 6\n"
    "  echo_compare --models udp_iterative,udp_batched  over udp://127.0.0.1\n"
    "  echo_compare --budget 10m                        as many rounds as fit\n"
    "  echo_compare --protocol work --block 2ms         loops wait where threads "
    "overlap\n"
    "  echo_compare --server 'mine=./my_server {port}'  your own beside ours\n"
    "  echo_compare --resume results/2026-11-20T2145-vm go on after Ctrl-C or a kill\n"
    "Each trial has a fresh server process; ratios are taken within a round.\n";

/// Where the results go, or came from.
void add_folder_options(CLI::App& parser, Options& options) {
  parser
      .add_option("-o,--results", options.results, "folder for the campaign's own folder")
      ->capture_default_str();
  parser.add_option("--folder-file", options.folder_file,
                    "write the path of the campaign's folder there, for scripts");
  parser
      .add_option("--resume", options.resume,
                  "go on with the campaign of this folder: its plan, its missing trials")
      ->configurable(false);
  parser
      .add_flag("--resume-unlike", options.resume_unlike,
                "even if build or machine are not what they were; the folder tells")
      ->configurable(false);
}

void add_options(CLI::App& parser, Options& options) {
  using namespace std::chrono_literals;
  LoadPlan& load = options.plan.load;
  parser.add_option("-m,--models", options.models,
                    "names, families, all or classic, comma-separated");
  parser.add_option(
      "--server", options.servers,
      "NAME=COMMAND with {port}: any echo server, measured beside the models");
  parser.add_option("-c,--clients", options.clients, "connections to compare at")
      ->capture_default_str();
  add_count(parser, "-r,--rounds", options.plan.rounds,
            "how often each point is measured", 1, 1000);
  add_count(parser, "--repeats", options.plan.repeats,
            "at most, of a NOISY or UNSTEADY trial, which then does not count", 0, 2);
  add_duration(parser, "-b,--budget", options.budget,
               "take so long in all but for repeats: sets the rounds (3 at least)", 0s,
               240h);
  add_duration(parser, "-d,--duration", load.duration, "measured window of a trial", 10ms,
               1h);
  add_duration(parser, "--warm-up", load.warm_up, "before the window, not counted", 0s,
               1h);
  add_bytes(parser, "-s,--size", load.payload_bytes, "bytes of a request", 1, 1 << 30);
  add_count(parser, "-p,--pipeline", load.pipeline, "requests outstanding per connection",
            1, 65'536);
  add_work_options(parser, options.work);
  add_count(parser, "-t,--threads", load.threads, "threads of the load generator", 1,
            256);
  add_count(parser, "-w,--workers", options.workers,
            "of the pools (0: each model's default)", 0, 4096);
  add_endpoint(parser, "--listen", options.listen,
               "where the servers of streams listen, or (udp://) those of datagrams");
  parser.add_option("--server-cpus", options.server_cpus,
                    "such as 0,2-3; default: half of all");
  parser.add_option("--client-cpus", options.client_cpus, "default: the other half");
  add_count(parser, "--seed", options.plan.seed, "of the order of the trials", 0,
            ~std::uint64_t{0});
  add_folder_options(parser, options);
  parser.add_flag("--aa", options.aa,
                  "one model twice in each round: how much differs though nothing does");
  parser.add_flag("--quick", options.quick,
                  "1 and 64 clients, short windows: under a minute");
  parser
      .add_flag("--dry-run", options.dry_run,
                "show the plan and how long it takes, and end")
      ->configurable(false);
  parser.add_flag("--json", options.json,
                  "rows on stdout as JSON lines instead of the table");
  parser.add_flag("-q,--quiet", options.quiet, "no progress on stderr");
}

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

/// Server and client on disjoint CPUs; SMT siblings have neighbouring numbers or lie half
/// of all apart, so the first half and the second keep at least most of them together.
void choose_cpus(Options& options) {
  const std::vector<int> allowed = allowed_cpus();
  const auto half = allowed.begin() + static_cast<std::ptrdiff_t>(allowed.size() / 2);
  auto& server = options.plan.start.cpus;
  auto& client = options.plan.load.cpus;
  server = parse_cpus("--server-cpus", options.server_cpus);
  client = parse_cpus("--client-cpus", options.client_cpus);
  if (server.empty())
    server.assign(allowed.begin(), half == allowed.begin() ? allowed.end() : half);
  if (client.empty()) client.assign(half, allowed.end());
  options.plan.load.is_alone = is_parted(options.plan);
}

void choose_clients(Options& options) {
  if (options.quick) options.clients = "1,64";
  for (const std::string& part : split(options.clients)) {
    const auto count = parse_count(part);
    if (!count || *count < 1 || *count > 100'000)
      throw UsageError(
          fmt::format("--clients: '{}' is no number of clients from 1 to 100000", part));
    options.plan.clients.push_back(*count);
  }
  auto& clients = options.plan.clients;
  std::ranges::sort(clients);
  clients.erase(std::unique(clients.begin(), clients.end()), clients.end());
  if (clients.empty()) throw UsageError("--clients: no number of clients given");
}

void choose_contestants(Options& options) {
  auto& contestants = options.plan.contestants;
  for (const Model* model : select_models(options.models)) {
    const Contestant one = model_contestant(model->name);
    if (const auto why = unavailable_because(*model))
      options.plan.absent.push_back({one, *why});
    else
      contestants.push_back(one);
  }
  for (const std::string& text : options.servers)
    contestants.push_back(external_contestant(text));
  if (contestants.empty()) {
    const Absentee& first = options.plan.absent.front();
    throw Failure(
        ExitCode::unavailable,
        fmt::format("nothing to compare; {}: {}", first.contestant.name, first.reason));
  }
  for (auto a = contestants.begin(); a != contestants.end(); ++a)
    if (std::ranges::count(contestants, a->name, &Contestant::name) > 1)
      throw UsageError(fmt::format("'{}' is named twice", a->name));
  if (!options.servers.empty() && options.plan.start.listen.transport != Transport::tcp)
    throw UsageError("--server: works with a tcp:// --listen only");
}

/// Each contestant listens on a transport that it serves: --listen sets one of the two.
void choose_endpoints(Options& options) {
  Start& start = options.plan.start;
  (options.listen.is_datagram() ? start.listen_datagrams : start.listen) = options.listen;
}

/// Before the first trial: what datagrams cannot do.
void check_load(const CampaignPlan& plan) {
  LoadPlan load = plan.load;
  for (const Contestant& contestant : plan.contestants) {
    load.server = plan.start.endpoint_of(contestant);
    check_datagrams(load);
  }
}

/// Turns a budget into rounds: all that fit, 3 at least.
void fit_budget(Options& options) {
  if (options.budget.count() == 0) return;
  CampaignPlan one = options.plan;
  one.rounds = 1;
  const double round = estimated_seconds(one);
  const double budget = std::chrono::duration<double>(options.budget).count();
  options.plan.rounds = static_cast<std::uint64_t>(budget / round);
  if (options.plan.rounds < 3)
    throw UsageError(fmt::format(
        "--budget {}: three rounds of this plan take {}; give more, or fewer --models or "
        "--clients, or a shorter --duration",
        show_duration(budget * 1e9), show_duration(round * 3e9)));
}

/// What a model has to allow for, so that it does what the load asks.
void start_for_work(CampaignPlan& plan) {
  plan.start.work = plan.load.work.has_value();
  if (!plan.load.work) return;
  auto& arguments = plan.start.arguments;
  const auto most = std::max(plan.load.work->most(), std::chrono::microseconds(1));
  arguments.insert(arguments.end(), {"--protocol", "work", "--max-work",
                                     fmt::format("{}us", most.count())});
  constexpr std::uint64_t buffer_bytes = 16 * 1024;  // echo_server's own, if it is enough
  if (plan.load.request_bytes() > buffer_bytes)
    arguments.insert(arguments.end(),
                     {"--buffer", std::to_string(plan.load.request_bytes())});
}

void complete(Options& options, const CLI::App& parser) {
  using namespace std::chrono_literals;
  LoadPlan& load = options.plan.load;
  if (parser.count("--duration") == 0) load.duration = options.quick ? 500ms : 1s;
  if (parser.count("--warm-up") == 0) load.warm_up = options.quick ? 200ms : 300ms;
  if (options.quick && parser.count("--repeats") == 0) options.plan.repeats = 0;
  if (options.quick && (parser.count("--clients") > 0 || parser.count("--budget") > 0))
    throw UsageError(
        "--quick: sets clients and length itself; leave out --clients, --budget");
  complete_work(options.work, parser, load);
  choose_cpus(options);
  choose_clients(options);
  choose_endpoints(options);
  choose_contestants(options);
  if (options.aa) add_twin(options.plan);
  check_load(options.plan);
  fit_budget(options);
  auto& arguments = options.plan.start.arguments;
  arguments = {"--max-clients", std::to_string(options.plan.clients.back() + 16)};
  if (options.workers > 0)
    arguments.insert(arguments.end(), {"--workers", std::to_string(options.workers)});
  start_for_work(options.plan);
}

std::string left_text(double seconds) {
  const long whole = std::lround(seconds);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

/// A live line on a terminal, a line per trial elsewhere.
class Display {
 public:
  explicit Display(bool quiet) : quiet_(quiet), live_(::isatty(STDERR_FILENO) == 1) {}

  void show(const CampaignProgress& now) {
    if (quiet_) return;
    if (live_) return show_live(now);
    if (now.ended == nullptr) return;
    fmt::print(
        stderr,
        "[{:>3}/{}] {:<18} {:>5} clients  {:>8} req/s  {:>9} CPU/req  {}  {} left\n",
        now.done, now.planned, now.contestant.name, now.clients,
        show_count(now.ended->trial.load.requests_per_second()),
        show_duration(now.ended->trial.server.cpu_ns_per_request),
        verdict_text(now.ended->trial.judgement.verdict), left_text(now.seconds_left));
  }
  void clear() const {
    if (live_ && !quiet_) fmt::print(stderr, "\r\033[K");
  }

 private:
  void show_live(const CampaignProgress& now) {
    const auto time = std::chrono::steady_clock::now();
    if (now.ended == nullptr && time - shown_ < std::chrono::milliseconds(250)) return;
    shown_ = time;
    constexpr std::size_t width = 24;
    const std::size_t full = width * now.done / now.planned;
    const std::string phase =
        now.load == nullptr
            ? std::string()
            : fmt::format("{:<10} {:>7} requests", now.load->phase,
                          show_count(static_cast<double>(now.load->requests)));
    fmt::print(stderr, "\r\033[K{}{} {:>3}/{}  {} left  {} x {}  {}",
               std::string(full, '#'), std::string(width - full, '.'), now.done,
               now.planned, left_text(now.seconds_left), now.contestant.name, now.clients,
               phase);
    std::fflush(stderr);
  }

  bool quiet_;
  bool live_;
  std::chrono::steady_clock::time_point shown_{};
};

void describe(const CampaignPlan& plan, std::FILE* out) {
  fmt::print(out,
             "echo_compare: {} servers x {} loads x {} rounds = {} trials of {}, about "
             "{} in all\n"
             "  server on CPU {}, client on CPU {}; {} B requests, closed loop, order "
             "from seed {}\n",
             plan.contestants.size(), plan.clients.size(), plan.rounds,
             plan.contestants.size() * plan.clients.size() * plan.rounds,
             show_duration(static_cast<double>(plan.load.duration.count())),
             left_text(estimated_seconds(plan)), fmt::join(plan.start.cpus, ","),
             fmt::join(plan.load.cpus, ","), plan.load.payload_bytes, plan.seed);
  if (plan.load.work) fmt::print(out, "  each request {}\n", work_text(plan.load));
  if (plan.repeats > 0)
    fmt::print(out,
               "  a NOISY or UNSTEADY trial is repeated at the end of its round, {} at "
               "most\n",
               plan.repeats == 1 ? "once" : "twice");
  for (const auto& [one, reason] : plan.absent)
    fmt::print(out, "  without {}: {}\n", one.name, reason);
  for (const std::string& warning : environment_warnings())
    fmt::print(out, "  note: {}\n", warning);
}

/// A file or a pipe takes all columns, a terminal what fits.
Paper paper() {
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  return {terminal ? columns_of(STDOUT_FILENO) : 200, wants_colour(STDOUT_FILENO)};
}

/// Of the trials that count, the worst.
ExitCode code_of(const std::vector<CampaignRow>& rows) {
  const auto any = [&](Verdict verdict) {
    return std::ranges::any_of(rows, [&](const CampaignRow& row) {
      return row.trial.judgement.verdict == verdict;
    });
  };
  return any(Verdict::corrupt)  ? ExitCode::corrupt
         : any(Verdict::failed) ? ExitCode::failure
                                : ExitCode::ok;
}

/// Runs what is missing of a campaign, and completes table and folder. 130 when
/// interrupted: what was measured is kept.
ExitCode compare(const Options& options, Resumption campaign) {
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
  Display display(options.quiet);
  const auto rows = run_campaign(
      plan, std::move(campaign.rows),
      [&](const CampaignRow& row, std::size_t order) {
        const std::string line = row_json(plan, row, order).dump();
        folder.append_trial(line);
        if (options.json) fmt::print("{}\n", line);
      },
      [&](const CampaignProgress& now) { display.show(now); }, interrupt.token());
  display.clear();
  if (manifest["finished"].is_null()) {  // else it was whole before
    manifest["partial"] = interrupt.happened();
    manifest["finished"] = time_text();
    folder.write_manifest(manifest);
  }
  if (!options.json) {
    fmt::print("{}", campaign_table(plan, rows, floor, paper()));
    std::fflush(stdout);
  }
  fmt::print(stderr, "{}results in {}\n", interrupt.happened() ? "interrupted; " : "",
             folder.path());
  if (!interrupt.happened()) return code_of(rows);
  fmt::print(stderr, "to go on: echo_compare --resume '{}'\n", folder.path());
  return ExitCode::interrupted;
}

/// With --resume, the folder has the plan: an option that changes it contradicts.
void refuse_beside_resume(const CLI::App& parser) {
  const std::vector<std::string> allowed = {"--resume", "--resume-unlike", "--json",
                                            "--quiet",  "--folder-file",   "--config"};
  for (const CLI::Option* option : parser.get_options()) {
    const std::string name = option->get_name();
    if (option->count() > 0 && std::ranges::count(allowed, name) == 0)
      throw UsageError(fmt::format(
          "{}: --resume goes on with the plan of its folder; leave it out", name));
  }
}

ExitCode go_on(const Options& options, const CLI::App& parser) {
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

ExitCode start(int argc, char** argv) {
  Options options;
  options.plan.seed = static_cast<std::uint64_t>(std::time(nullptr));
  options.plan.repeats = 2;
  CLI::App parser(
      "Compares server models: each with the same load, interleaved, verified.",
      "echo_compare");
  set_up_parser(parser, examples);
  add_options(parser, options);
  if (!parse_command_line(parser, argc, argv)) return ExitCode::ok;
  if (!options.resume.empty()) return go_on(options, parser);
  if (options.resume_unlike)
    throw UsageError("--resume-unlike: goes with --resume FOLDER only");
  complete(options, parser);
  if (options.dry_run) {
    describe(options.plan, stdout);
    return ExitCode::ok;
  }
  if (!options.quiet) describe(options.plan, stderr);
  return compare(options, {ResultsFolder(options.results),
                           manifest_json(options.plan, {argv, argv + argc}),
                           options.plan,
                           {},
                           {}});
}

}  // namespace
}  // namespace echolab

int main(int argc, char** argv) {
  return echolab::run_program("echo_compare", [&] { return echolab::start(argc, argv); });
}
