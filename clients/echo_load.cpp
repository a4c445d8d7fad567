// echo_load: many clients at once, every byte verified.

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <thread>

#include "clients/assertion.hpp"
#include "clients/calibration.hpp"
#include "clients/ceiling_file.hpp"
#include "clients/explain.hpp"
#include "clients/http_options.hpp"
#include "clients/load_clock.hpp"
#include "clients/load_export.hpp"
#include "clients/load_merge.hpp"
#include "clients/load_report.hpp"
#include "clients/null_responder.hpp"
#include "clients/population_options.hpp"
#include "clients/search.hpp"
#include "clients/work_options.hpp"
#include "clients/workload_options.hpp"
#include "common/interrupt.hpp"
#include "common/option_tree.hpp"
#include "common/program.hpp"
#include "common/ready.hpp"
#include "common/terminal.hpp"
#include "common/time_unit.hpp"

namespace echolab {
namespace {

struct Options {
  LoadPlan plan;
  WorkOptions work;
  HttpOptions http;
  WorkloadOptions workload;
  std::vector<std::string> classes;
  std::string engine = "epoll";
  SearchOptions search;
  std::string assertion;
  std::string start_at;
  std::string part;
  ExportOptions exports;
  std::vector<std::string> merge;
  bool explain = false;
  bool quiet = false;
  bool calibrate = false;
  bool null_responder = false;
  int ready_fd = -1;
};

constexpr const char* examples =
    "Examples:\n"
    "  echo_load tcp://127.0.0.1:7007                  16 connections for 10 s\n"
    "  echo_load -c 1000 -t 2 -d 30s -s 4KiB tcp://[::1]:7007\n"
    "  echo_load -c 1 -n 100k -w 1s --json unix:///tmp/echo.sock\n"
    "  echo_load -c 100 -R 20k --arrivals poisson      open loop: 20 000 requests/s "
    "arrive\n"
    "  echo_load -c 200 -R 5k --session 4 --think exp:10ms   partly open\n"
    "  echo_load -s list:64@90,4KiB@10 -R 1k..20k      sizes by weight, a rising rate\n"
    "  echo_load --class good:c=64 --class idle:c=5000 --class slow-reader:c=20,rate=1k\n"
    "                                                  three populations; good leads\n"
    "  echo_load --class churn:c=16,n=10,end=rst       connects anew after 10 requests\n"
    "  echo_load -c 16 -R 5k --explain                 the result in words, and what "
    "next\n"
    "  echo_load -R 5k --assert 'p99<5ms'              exit code 9 unless it holds\n"
    "  echo_load -c 100 --search 'p99<2ms'             the highest rate that keeps it\n"
    "  echo_load -R 10k --part 1/2 --start-at 2030-01-01T12:00:00Z  one of two hosts\n"
    "  echo_load --protocol work --compute 50us --block 2ms --heavy 1%:1ms\n"
    "  echo_load --protocol http -c 100 -p 8           POSTs that come back\n"
    "  echo_load --protocol http --http-get /index.html tcp://127.0.0.1:80  any HTTP "
    "server\n"
    "  echo_load -c 100 -s 512 udp://127.0.0.1:7007    datagrams: what is lost is "
    "counted\n"
    "  echo_load --calibrate -c 1000                   the client's own ceiling, kept "
    "for "
    "later runs\n"
    "  echo_load --null-responder tcp://127.0.0.1:0    the server that it is measured "
    "against\n"
    "  echo_load --hgrm latency.hgrm --hdr-log latency.hlog     for HdrHistogram's "
    "tools\n"
    "  echo_load --merge a.json b.json                 what two did at once, as one "
    "load\n"
    "Classes: NAME is the kind, unless kind= says it; any other name is an active one.\n"
    "  active        c, t (connections, threads), s, p, R, think: as the flags\n"
    "  idle          c, t: asks once and is silent; connect-only: says nothing at all\n"
    "  slow-reader   rate=1k bytes/s of each connection, and what active has\n"
    "  slow-writer   rate=10 bytes/s, the same\n"
    "  churn         n=10 requests, then end=fin or rst, and connects anew\n"
    "  half-close    says n=1 requests and its end at once, then reads; anew\n"
    "A number that is not VALID says why, and how it can be read.\n";

/// What the load is.
void add_load_options(CLI::App& parser, Options& options) {
  using namespace std::chrono_literals;
  LoadPlan& plan = options.plan;
  add_endpoint(parser, "server", plan.server, "endpoint of the server");
  parser.add_flag("--alone", plan.is_alone,
                  "nobody else should run on its CPUs (taskset): else it is NOISY");
  add_count(parser, "-c,--connections", plan.connections, "connections in all", 1,
            1'000'000);
  add_count(parser, "-t,--threads", plan.threads, "threads, each a loop", 1, 256);
  add_choice(parser, "--engine", options.engine,
             "streams: by readiness, or by completion with one call for all",
             {"epoll", "io_uring"});
  parser.add_flag("--spin", plan.spin, "ask the clock again and again, never sleep");
  add_duration(parser, "-d,--duration", plan.duration, "length of the measured window",
               1ms, 24h);
  add_duration(parser, "--interval", plan.interval,
               "of --intervals and --hdr-log: the window in parts", 0s, 24h);
  add_count(parser, "-n,--requests", plan.requests,
            "end after so many verified requests (0: by duration)", 0, 1'000'000'000'000);
  add_count(parser, "-p,--pipeline", plan.pipeline, "requests outstanding per connection",
            1, 65'536);
  add_workload_options(parser, options.workload);
  add_search_options(parser, options.search);
  add_work_options(parser, options.work);
  add_http_options(parser, options.http);
  add_class_options(parser, options.classes);
  add_duration(parser, "-w,--warm-up", plan.warm_up,
               "load before the window, not counted", 0s, 1h);
  add_duration(parser, "--timeout", plan.timeout, "to connect, and for the last replies",
               1ms, 1h);
  add_duration(parser, "--datagram-timeout", plan.datagram_timeout,
               "udp, unixgram: a request without a reply by then is lost", 1ms, 1min);
  add_count(parser, "--seed", plan.seed, "of the bytes, the arrivals and the sizes", 0,
            ~std::uint64_t{0});
  parser.add_option("--part", options.part,
                    "K/N: of N processes that share the arrivals, this is the K-th");
  parser.add_option("--start-at", options.start_at,
                    "when the load begins: 2030-01-01T12:00:00Z, or seconds since 1970");
}

/// What comes of it, and what else the program does.
void add_options(CLI::App& parser, Options& options) {
  add_load_options(parser, options);
  Assertion::add_option(parser, options.assertion);
  add_explain_option(parser, options.explain);
  add_export_options(parser, options.exports);
  takes(parser
            .add_option("--merge", options.merge,
                        "no load: merge what --json printed of simultaneous ones")
            ->type_name("FILE"),
        {.kind = "file"});
  add_time_unit(parser);
  parser.add_flag("-q,--quiet", options.quiet, "no progress on stderr");
  auto* calibrate = parser.add_flag(
      "--calibrate", options.calibrate,
      "measure how fast the client is by itself, keep it for later runs, and end");
  auto* null_responder = parser.add_flag(
      "--null-responder", options.null_responder,
      "be the server: send back every byte at the least cost, until SIGTERM");
  null_responder->excludes(calibrate);
  add_ready_fd(parser, options.ready_fd)->needs(null_responder);
}

/// Every thread has a connection, and a request to count.
void check(const LoadPlan& plan) {
  if (plan.threads > plan.connections)
    throw UsageError(fmt::format("--threads {}: more than --connections {}", plan.threads,
                                 plan.connections));
  if (plan.requests > 0 && plan.requests < plan.threads)
    throw UsageError(fmt::format("--requests {}: fewer than --threads {}", plan.requests,
                                 plan.threads));
  if (plan.engine == EngineKind::io_uring && plan.server.is_datagram())
    throw UsageError("--engine io_uring: is for streams");
  check_datagrams(plan);
}

/// "2/3" and a moment: this process among others.
void complete_place(const std::string& part, const std::string& start_at,
                    LoadPlan& plan) {
  if (!part.empty()) {
    const std::size_t slash = part.find('/');
    const auto number = parse_count(std::string_view(part).substr(0, slash));
    const auto of = slash == part.npos
                        ? std::nullopt
                        : parse_count(std::string_view(part).substr(slash + 1));
    if (!number || !of || *number < 1 || *number > *of || *of > 1000)
      throw UsageError(
          fmt::format("--part: '{}' is not K/N such as 1/2, up to 1000", part));
    plan.part = *number - 1;
    plan.parts = *of;
  }
  if (start_at.empty()) return;
  const auto moment = parse_moment(start_at);
  if (!moment || *moment <= clock_ns(CLOCK_REALTIME))
    throw UsageError(
        fmt::format("--start-at: '{}' is no moment in the future, such as "
                    "2030-01-01T12:00:00Z or seconds since 1970",
                    start_at));
  plan.start_at_ns = *moment;
}

/// One line, rewritten twice a second on a terminal; elsewhere a line per phase.
class ProgressLine {
 public:
  explicit ProgressLine(bool quiet)
      : quiet_(quiet), live_(wants_live_line(STDERR_FILENO)) {}

  void show(const LoadProgress& now) {
    const bool new_phase = phase_ != now.phase;
    if (quiet_ || (!new_phase && (!live_ || now.phase_seconds < next_s_))) return;
    phase_ = now.phase;
    next_s_ = now.phase_seconds + 0.5;
    if (!live_) return fmt::print(stderr, "echo_load: {}\n", now.phase);
    const std::string text =
        fmt::format("{:<10} {:3.0f} %  {} connected  {} requests  {} errors", now.phase,
                    now.phase_share * 100, now.connected,
                    show_count(static_cast<double>(now.requests)), now.errors);
    fmt::print(stderr, "\r\033[K{}", clipped(text, live_columns(STDERR_FILENO) - 1));
    std::fflush(stderr);
  }
  void clear() const {
    if (live_ && !quiet_) fmt::print(stderr, "\r\033[K");
  }

 private:
  bool quiet_;
  bool live_;
  std::string_view phase_;
  double next_s_ = 0;
};

double unix_seconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

void print(const ExportOptions& exports, const nlohmann::json& row,
           const std::string& table) {
  constexpr auto replace = nlohmann::json::error_handler_t::replace;  // in names of files
  if (exports.json) return fmt::print("{}\n", row.dump(-1, ' ', false, replace));
  fmt::print("{}", exports.csv ? load_csv(row) : table);
}

ExitCode merge(const Options& options, const CLI::App& parser) {
  for (const CLI::Option* option : parser.get_options()) {
    const std::string name = option->get_name();
    const bool output = name == "--merge" || name == "--json" || name == "--csv" ||
                        name == "--hgrm" || name == "--hdr-log" || name == "--quiet" ||
                        name == "--time-unit" || name == "--no-color" ||
                        name == "--plain" ||
                        name == "--config";  // it counts as given, given or not
    if (option->count() > 0 && !output)
      throw UsageError(fmt::format("--merge: there is no load for {}", name));
  }
  LoadFiles files(options.exports);
  const MergedLoad merged = merge_loads(options.merge);
  files.write(merged.result.response, merged.started_unix_seconds, merged.result.seconds);
  print(options.exports, merged.row, merged.table);
  return exit_code_of(merged.judgement.verdict);
}

/// Without a word of the load but its protocol: it is other people's.
ExitCode serve(const Options& options) {
  const bool http = options.work.protocol == "http";
  if (http && options.plan.server.is_datagram())
    throw UsageError(fmt::format("--protocol http: needs a stream, {} is none",
                                 options.plan.server.text()));
  const Fd ready_fd = take_ready_fd(options.ready_fd);
  raise_descriptor_limit(0);  // no further than it may
  Listener listener(options.plan.server);
  const StopOnSignal stop(listener, {SIGTERM, SIGINT, SIGHUP});
  const std::string endpoint = listener.endpoint().text();
  if (!options.quiet)
    fmt::print(stderr, "echo_load: null responder at {} (pid {}); Ctrl-C ends it\n",
               endpoint, ::getpid());
  say_ready(ready_fd, endpoint, ::getpid());
  http ? respond_http(listener) : respond(listener);
  return ExitCode::ok;
}

/// The ceiling is told before it is kept: the folder may be read-only.
ExitCode calibrate_and_keep(const Options& options) {
  ProgressLine line(options.quiet);
  const LoadEvents events{.progress = [&](const LoadProgress& now) { line.show(now); }};
  const auto calibration = calibrate(options.plan, events);
  line.clear();
  if (!calibration) return ExitCode::interrupted;
  if (options.exports.json)
    fmt::print("{}\n",
               nlohmann::json{{"schema_version", 1},
                              {"client_ceiling", ceiling_json(calibration->ceiling)},
                              {"client_cpus", calibration->client_cpus},
                              {"responder_cpus", calibration->responder_cpus},
                              {"cpus_shared", calibration->shared}}
                   .dump());
  else
    fmt::print("{}", calibration_table(options.plan, *calibration));
  const auto path = ceiling_path();
  if (!path)
    throw Failure(ExitCode::failure,
                  "the ceiling is not kept: neither XDG_CACHE_HOME nor HOME is a folder");
  CeilingFile(*path).keep(ceiling_key(options.plan), calibration->ceiling);
  if (!options.exports.json) fmt::print("  kept in        {}\n", path->string());
  return ExitCode::ok;
}

/// One load, told and kept as it was asked for.
ExitCode load(const Options& options, const std::optional<LatencyPromise>& promise) {
  LoadFiles files(options.exports);
  Interrupt interrupt;
  ProgressLine line(options.quiet);
  double started = unix_seconds();
  const LoadEvents events{.window_begins = [&] { started = unix_seconds(); },
                          .progress = [&](const LoadProgress& now) { line.show(now); },
                          .interval = [&](const LoadInterval& it) { files.add(it); }};
  LoadResult result = run_load(options.plan, events, interrupt.token());
  line.clear();
  result.ceiling = known_ceiling(options.plan);
  const Judgement judgement = judge(options.plan, result);
  files.write(result.response, started, result.seconds);
  auto row = load_row(options.plan, result, judgement, started);
  std::string table = load_table(options.plan, result, judgement);
  ExitCode code = exit_code_of(judgement.verdict);
  if (promise) {
    const Assertion assertion(*promise, result);
    row["assertions"] = assertion.json();
    table += assertion.lines();
    code = assertion.exit_code(judgement.verdict);
  }
  if (options.explain) {
    const auto sentences = explain(options.plan, result, judgement);
    row["explanation"] = sentences;
    table += explanation_text(sentences);
  }
  print(options.exports, row, table);
  return interrupt.happened() ? ExitCode::interrupted : code;
}

ExitCode start(int argc, char** argv) {
  Options options;
  CLI::App parser("Loads an echo server with many clients and verifies every byte.",
                  "echo_load");
  set_up_parser(parser, examples);
  add_options(parser, options);
  if (!parse_command_line(parser, argc, argv)) return ExitCode::ok;
  check_explain(parser);
  const auto promise = Assertion::parse(options.assertion, parser);
  const bool searching = is_search(options.search, parser, options.workload);
  if (options.null_responder) return serve(options);
  if (!options.merge.empty()) return merge(options, parser);
  if (parser.count("--requests") > 0 && parser.count("--duration") == 0)
    options.plan.duration = std::chrono::minutes(10);
  complete_workload(options.workload, parser, options.plan);
  complete_work(options.work, parser, options.plan);
  complete_http(options.http, options.work.protocol, parser, options.plan);
  complete_intervals(options.exports, options.plan);
  complete_place(options.part, options.start_at, options.plan);
  if (options.engine == "io_uring") options.plan.engine = EngineKind::io_uring;
  complete_classes(options.classes, parser, options.plan);
  check(options.plan);
  if (options.calibrate) return calibrate_and_keep(options);
  if (searching)
    return search(options.search, options.plan, options.exports,
                  {.quiet = options.quiet, .explain = options.explain});
  return load(options, promise);
}

}  // namespace
}  // namespace echolab

int main(int argc, char** argv) {
  return echolab::run_program("echo_load", [&] { return echolab::start(argc, argv); });
}
