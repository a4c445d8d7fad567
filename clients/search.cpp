#include "clients/search.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>

#include "clients/ceiling_file.hpp"
#include "clients/explain.hpp"
#include "clients/explain_search.hpp"
#include "clients/load_report.hpp"
#include "clients/search_report.hpp"
#include "common/interrupt.hpp"
#include "common/terminal.hpp"

namespace echolab {
namespace {

using namespace std::chrono_literals;

constexpr const char* first_rate = "1k";
constexpr double least_precision = 0.02;
constexpr double most_precision = 0.5;

/// "5%" as 0.05.
double parse_precision(const std::string& text) {
  double percent = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] =
      std::from_chars(text.data(), end, percent, std::chars_format::fixed);
  const double share = percent / 100;
  if (error != std::errc() || std::string_view(rest, end) != "%" ||
      !(share >= least_precision && share <= most_precision))
    throw UsageError(
        fmt::format("--search-precision: '{}' is no share such as 5%, from "
                    "2% to 50%",
                    text));
  return share;
}

RateSearchPlan search_plan(const SearchOptions& options, const LatencyPromise& promise,
                           const LoadPlan& plan) {
  if (!plan.workload.is_open() || plan.workload.arrivals->rate_end > 0)
    throw UsageError(
        "--search: the first class has an open loop of one rate, such as R=1k");
  RateSearchPlan search;
  search.start = plan.workload.arrivals->rate;
  search.precision = parse_precision(options.precision);
  search.duration = plan.duration;
  search.brief =
      promise.is_of_max() ? plan.duration : std::min(search.brief, plan.duration);
  search.longest = std::max(search.longest, plan.duration);
  search.samples = promise.samples();
  search.budget = 1min + 18 * plan.duration;  // twice what is usual
  return search;
}

/// One line: on a terminal it is rewritten twice a second, elsewhere each trial has one.
class SearchLine {
 public:
  explicit SearchLine(bool quiet)
      : quiet_(quiet), live_(wants_live_line(STDERR_FILENO)) {}

  void show(std::size_t number, const RateTrial& trial, const RateAnswer& known,
            const LoadProgress& now) {
    const auto moment = std::chrono::steady_clock::now();
    const bool is_new = number != shown_;
    if (quiet_ || (!is_new && (!live_ || moment < next_))) return;
    shown_ = number;
    next_ = moment + std::chrono::milliseconds(500);
    const std::string text = fmt::format(
        "trial {}: {} requests/s for {}; {}", number, show_count(trial.rate),
        show_duration(static_cast<double>(trial.length.count())), known_text(known));
    if (!live_) return fmt::print(stderr, "echo_load: {}\n", text);
    const std::string live =
        fmt::format("{}  {} {:.0f} %", text, now.phase, now.phase_share * 100);
    fmt::print(stderr, "\r\033[K{}", clipped(live, live_columns(STDERR_FILENO) - 1));
    std::fflush(stderr);
  }
  void clear() const {
    if (live_ && !quiet_) fmt::print(stderr, "\r\033[K");
  }

 private:
  static std::string known_text(const RateAnswer& known) {
    if (!known.kept && !known.broken) return "nothing known yet";
    std::string text;
    if (known.kept) text += "kept at " + show_count(known.kept->rate);
    if (known.broken)
      text += (text.empty() ? "" : ", ") +
              fmt::format("not kept at {}", show_count(known.broken->rate));
    return text;
  }

  bool quiet_;
  bool live_;
  std::size_t shown_ = 0;
  std::chrono::steady_clock::time_point next_;
};

double unix_seconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

/// A load at the rate that was asked for. Empty when it was interrupted. Each has
/// arrivals of its own: what one seed's bursts break, another's may keep.
std::optional<SearchTrial> run_trial(LoadPlan plan, std::size_t number,
                                     const RateTrial& asked,
                                     const LatencyPromise& promise, LoadEvents events,
                                     const std::stop_token& stop) {
  plan.workload.arrivals->rate = asked.rate;
  plan.duration = asked.length;
  plan.seed += number;
  double started = unix_seconds();
  events.window_begins = [&] { started = unix_seconds(); };
  LoadResult result = run_load(plan, events, stop);
  if (stop.stop_requested()) return std::nullopt;
  result.ceiling = known_ceiling(plan);
  const Judgement judgement = judge(plan, result);
  return SearchTrial{asked, outcome_of(promise, result, judgement),
                     promise.figures_ns(result.response, without_reply(result)),
                     judgement, load_row(plan, result, judgement, started)};
}

/// A server that is no longer there ends the search, but not what is known.
std::optional<SearchTrial> next_trial(const SearchRecord& record, const RateTrial& asked,
                                      const LoadEvents& events,
                                      const std::stop_token& stop) {
  try {
    return run_trial(record.plan, record.trials.size(), asked, record.promise, events,
                     stop);
  } catch (const Unreachable& gone) {
    if (record.trials.empty()) throw;
    return SearchTrial{
        asked, Outcome::failed, {}, {Verdict::failed, gone.what()}, nullptr};
  }
}

void print(const ExportOptions& exports, const SearchRecord& record, bool explain) {
  if (exports.csv) return fmt::print("{}", search_csv(record));
  const auto sentences = explain ? explain_search(record) : std::vector<std::string>();
  if (!exports.json)
    return fmt::print("{}{}", search_table(record),
                      explain ? explanation_text(sentences) : "");
  auto json = search_json(record);
  if (explain) json["explanation"] = sentences;
  fmt::print("{}\n", json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace

void add_search_options(CLI::App& parser, SearchOptions& options) {
  parser.add_option("--search", options.promise,
                    "open loop: seek the highest rate that keeps p99<2ms, or "
                    "p50<1ms,p99.9<20ms");
  parser
      .add_option("--search-precision", options.precision,
                  "how near the rates that keep it and do not are to be, such as 5%")
      ->default_str(options.precision);
}

bool is_search(const SearchOptions& options, const CLI::App& parser,
               WorkloadOptions& workload) {
  if (parser.count("--search") == 0) {
    if (parser.count("--search-precision") > 0)
      throw UsageError(fmt::format("--search-precision {}: goes with --search 'p99<2ms'",
                                   options.precision));
    return false;
  }
  for (const char* name : {"--replay", "--merge", "--calibrate", "--null-responder",
                           "--part", "--start-at", "--requests", "--hgrm", "--hdr-log"})
    if (parser.count(name) > 0)
      throw UsageError(fmt::format(
          "--search: not together with {}, which is for one load alone", name));
  std::string& rate = workload.arrivals.rate;
  if (rate.find("..") != rate.npos)
    throw UsageError(fmt::format(
        "--search: begins at one rate such as -R 10k, and not with the ramp -R {}",
        rate));
  if (rate.empty()) rate = first_rate;
  return true;
}

ExitCode search(const SearchOptions& options, const LoadPlan& plan,
                const ExportOptions& exports, const SearchWords& words) {
  const LoadFiles checked(exports);
  SearchRecord record{.plan = plan,
                      .promise = LatencyPromise::parse("--search", options.promise)};
  RateSearch search(search_plan(options, record.promise, plan));
  record.search = search.plan();
  Interrupt interrupt;
  SearchLine line(words.quiet);
  while (const auto asked = search.next()) {
    const LoadEvents events{.progress = [&](const LoadProgress& now) {
      line.show(record.trials.size() + 1, *asked, search.answer(), now);
    }};
    auto trial = next_trial(record, *asked, events, interrupt.token());
    if (!trial) break;
    search.tell(trial->outcome);
    record.trials.push_back(std::move(*trial));
  }
  line.clear();
  record.interrupted = interrupt.happened();
  record.answer = search.answer();
  print(exports, record, words.explain);
  return exit_code_of(record);
}

}  // namespace echolab
