#include "bench/campaign.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <memory>

#include "bench/campaign_ceiling.hpp"
#include "bench/campaign_order.hpp"
#include "bench/campaign_precision.hpp"
#include "bench/experiment_levels.hpp"
#include "bench/given_up.hpp"
#include "bench/inference.hpp"
#include "bench/offered_load.hpp"

namespace echolab {
namespace {

using Clock = std::chrono::steady_clock;

double seconds(Nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

/// Starting a server, its ready check, connecting, draining and stopping, beyond warm-up
/// and window: measured on two cores, 0.1 s at 1 client to 0.6 s at 1 000.
double overhead_seconds(const Level& level) {
  return 0.15 + 0.0005 * static_cast<double>(connections_of(level.load));
}

double trial_seconds(const Level& level) {
  return seconds(level.load.warm_up) + seconds(level.load.duration) +
         overhead_seconds(level);
}

/// How long a campaign has run, and will.
class TimeSpent {
 public:
  explicit TimeSpent(const CampaignPlan& plan) : plan_(plan) {}

  void on(const Level& level) { estimate_done_ += trial_seconds(level); }
  [[nodiscard]] double past() const {
    return std::chrono::duration<double>(Clock::now() - begin_).count();
  }
  /// What is left, corrected by how true the estimate was so far. Past the budget no
  /// further round is begun.
  [[nodiscard]] double left(const CampaignOrder& order) const {
    const double truth = estimate_done_ > 5 ? past() / estimate_done_ : 1;
    const auto cost = [&](std::size_t level) {
      return truth * trial_seconds(plan_.levels[level]);
    };
    const double all = order.cost_left(cost, plan_.rounds);
    const auto next = order.next();
    if (plan_.budget.count() == 0 || !next) return all;
    return std::min(all, std::max(of_budget(), order.cost_left(cost, next->round + 1)));
  }
  [[nodiscard]] bool is_over() const {
    return plan_.budget.count() > 0 && of_budget() < 0;
  }

 private:
  /// What came before the first round was taken out of it as well.
  [[nodiscard]] double of_budget() const {
    const double capacity_took = plan_.capacity ? plan_.capacity->seconds : 0;
    return seconds(plan_.budget - plan_.tuning_took) - capacity_took - past();
  }

  const CampaignPlan& plan_;
  Clock::time_point begin_ = Clock::now();
  double estimate_done_ = 0;
};

/// What becomes of a trial when the campaign is asked to stop: it ends as it would have,
/// if its load has begun, so that it can be kept; but takes no longer than such a trial
/// should. A server that is not ready yet is not waited for.
class TrialStop {
 public:
  TrialStop(const std::stop_token& asked, const Level& level)
      : asked_(asked), patience_(trial_seconds(level) + 1), before_load_(asked, [this] {
          if (!is_loading_) cut_.request_stop();
        }) {}

  /// By the load, every few milliseconds.
  void look() {
    is_loading_ = true;
    if (!asked_.stop_requested()) return;
    const Clock::time_point now = Clock::now();
    if (!asked_at_) asked_at_ = now;
    if (now - *asked_at_ > patience_) cut_.request_stop();
  }
  [[nodiscard]] std::stop_token token() const { return cut_.get_token(); }
  [[nodiscard]] bool has_cut() const { return cut_.stop_requested(); }

 private:
  const std::stop_token& asked_;
  const std::chrono::duration<double> patience_;
  std::optional<Clock::time_point> asked_at_;
  std::atomic<bool> is_loading_ = false;
  std::stop_source cut_;
  std::stop_callback<std::function<void()>> before_load_;
};

/// After a round: why no further one is needed, or possible; empty: go on.
std::string why_enough(const CampaignPlan& plan, const TimeSpent& spent,
                       const std::vector<CampaignRow>& rows) {
  const std::uint64_t rounds_done = rows.back().round + 1;
  if (const std::string why = why_precise_enough(plan, rows); !why.empty())
    return fmt::format("{}, after {} of {} rounds", why, rounds_done, plan.rounds);
  if (!spent.is_over()) return "";
  return fmt::format("the budget of {} is spent after {} of {} rounds",
                     show_duration(static_cast<double>(plan.budget.count())), rounds_done,
                     plan.rounds);
}

/// What a model has to speak and to allow for, so that it does what the load asks.
std::vector<std::string> arguments_for(const LoadPlan& load) {
  if (load.http) return {"--protocol", "http"};
  if (!load.work) return {};
  const auto most = std::max(load.work->most(), std::chrono::microseconds(1));
  std::vector<std::string> arguments = {"--protocol", "work", "--max-work",
                                        fmt::format("{}us", most.count())};
  if (const std::uint64_t frame = longest_frame(load); frame > usual_buffer_bytes)
    arguments.insert(arguments.end(), {"--buffer", std::to_string(frame)});
  return arguments;
}

/// `--max-clients`: nobody is turned away. Of those who come and go a server holds some
/// that have left, until it sees that they have; on a busy core that may be all of some
/// time.
std::size_t most_clients(const LoadPlan& load) {
  constexpr std::size_t spare = 16;
  constexpr std::size_t lives = 10;
  constexpr std::size_t enough = 1000;
  const auto reborn = [](const LoadPlan& one) {
    return one.manners.is_reborn() ? one.connections : 0;
  };
  std::size_t unseen = reborn(load);
  for (const LoadPlan& other : load.company) unseen += reborn(other);
  return connections_of(load) + spare + std::min(lives * unseen, enough);
}

/// The trial of a place; of one who is not started any more, why.
Trial trial_at(const CampaignPlan& plan, const std::vector<CampaignRow>& rows,
               const CampaignPlace& place,
               const std::function<void(const LoadProgress&)>& told,
               const std::stop_token& stop) {
  const std::string given_up = why_given_up(rows, place.contestant);
  if (!given_up.empty()) return failed_trial(given_up);
  const Contestant& contestant = plan.contestants[place.contestant];
  const Level& level = plan.levels[place.level];
  LoadPlan load = load_of(contestant, level);
  use_seed(load, seed_of_round(plan, place.round));
  return run_trial(contestant, start_at(plan, level), std::move(load), told, stop,
                   ceiling_so_far(plan, rows, contestant, place.level));
}

}  // namespace

double estimated_seconds(const CampaignPlan& plan) {
  double round = 0;
  for (const Level& level : plan.levels)
    for (const Contestant& contestant : plan.contestants)
      if (serves(contestant, level)) round += trial_seconds(level);
  return round * static_cast<double>(plan.rounds);
}

bool is_parted(const CampaignPlan& plan) {
  return std::ranges::none_of(plan.load.cpus, [&](int cpu) {
    return std::ranges::count(plan.start.cpus, cpu) > 0;
  });
}

void set_levels(CampaignPlan& plan, const std::vector<double>& places) {
  plan.levels.clear();
  for (const double at : places)
    plan.levels.push_back(level_at(*plan.experiment, at, plan.load));
  offer(plan);
}

bool serves(const Contestant& contestant, const Level& level) {
  if (contestant.is_closed && !level.has_closed) return false;
  if (!level.listen || contestant.is_ceiling) return true;
  if (contestant.model == nullptr)  // it was told a port, and no more
    return level.listen->text().starts_with("tcp://127.");
  return level.listen->is_datagram() == contestant.in_datagrams();
}

std::size_t places_in_round(const CampaignPlan& plan) {
  std::size_t places = 0;
  for (const Level& level : plan.levels)
    places += static_cast<std::size_t>(std::ranges::count_if(
        plan.contestants, [&](const Contestant& one) { return serves(one, level); }));
  return places;
}

std::uint64_t longest_frame(const LoadPlan& load) {
  std::uint64_t most = load.request_bytes();
  for (const LoadPlan& other : load.company) most = std::max(most, other.request_bytes());
  return most;
}

Start start_at(const CampaignPlan& plan, const Level& level) {
  Start start = plan.start;
  start.work = level.load.work.has_value();
  if (level.load.http) start.http_get = level.load.http->get;
  start.arguments = {"--max-clients", std::to_string(most_clients(level.load))};
  for (const auto& more :
       {plan.start.arguments, arguments_for(level.load), level.arguments})
    start.arguments.insert(start.arguments.end(), more.begin(), more.end());
  if (level.listen) {
    start.ceiling_in_datagrams = level.listen->is_datagram();
    (level.listen->is_datagram() ? start.listen_datagrams : start.listen) = *level.listen;
  }
  return start;
}

CampaignEnd run_campaign(
    const CampaignPlan& plan, std::vector<CampaignRow> rows,
    const std::function<void(const CampaignRow&, std::size_t order)>& keep,
    const std::function<void(const CampaignProgress&)>& progress,
    const std::stop_token& stop) {
  CampaignOrder order(plan);
  for (const CampaignRow& row : rows) order.ran(row);
  TimeSpent spent(plan);
  std::string why;
  while (const auto place = order.next()) {
    if (stop.stop_requested()) break;
    const Contestant& contestant = plan.contestants[place->contestant];
    const Level& level = plan.levels[place->level];
    if (!rows.empty() && place->round > rows.back().round)
      why = why_enough(plan, spent, rows);
    if (!why.empty()) break;
    const auto standing = [&](const CampaignRow* ended) -> CampaignProgress {
      const std::size_t missing = order.missing().size();
      return {plan,
              rows.size(),
              rows.size() + missing,
              order.places() - missing,
              order.places(),
              contestant,
              level,
              spent.left(order),
              nullptr,
              ended};
    };
    TrialStop halt(stop, level);
    CampaignProgress now = standing(nullptr);  // once: the load's CPU pays for it
    const auto told = [&](const LoadProgress& load) {
      halt.look();
      now.load = &load;
      progress(now);
    };
    Trial trial = trial_at(plan, rows, *place, told, halt.token());
    if (halt.has_cut()) break;
    rows.push_back({place->contestant, place->level, place->round, std::move(trial)});
    if (!spent.is_over()) rows.back().excluded = order.excluded_because(rows.back());
    order.ran(rows.back());
    keep(rows.back(), rows.size() - 1);
    spent.on(level);
    progress(standing(&rows.back()));
  }
  return {std::move(rows), why, order.missing().size()};
}

bool is_in_datagrams(const CampaignPlan& plan) {
  return std::ranges::all_of(plan.contestants, [](const Contestant& one) {
    return one.in_datagrams() || one.is_ceiling;
  });
}

std::optional<Floor> measure_floor(const CampaignPlan& plan) {
  const Endpoint& endpoint =
      is_in_datagrams(plan) ? plan.start.listen_datagrams : plan.start.listen;
  const std::string scheme = endpoint.text();
  const std::string name = fmt::format("floor/{}/{}", scheme.substr(0, scheme.find(':')),
                                       plan.load.payload_bytes);
  std::string cpus;
  for (const int cpu : plan.start.cpus)
    cpus += fmt::format("{}{}", cpus.empty() ? "" : ",", cpu);
  const std::string command = fmt::format(
      "taskset -c {} '{}/primitives' --benchmark_filter='^{}$' --benchmark_min_time=0.1 "
      "--benchmark_repetitions=5 --benchmark_format=json 2>/dev/null",
      cpus, own_folder(), name);
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "re"),
                                                   ::pclose);
  std::string text;
  std::array<char, 4096> bytes{};
  while (const std::size_t n = std::fread(bytes.data(), 1, bytes.size(), pipe.get()))
    text.append(bytes.data(), n);
  const auto report = nlohmann::json::parse(text, nullptr, false);
  std::vector<double> samples;
  if (report.is_object() && report.contains("benchmarks"))
    for (const auto& row : report["benchmarks"])
      if (row.value("run_type", "") == "iteration" && row.contains("cpu_time"))
        samples.push_back(row["cpu_time"].get<double>());
  if (samples.empty()) return std::nullopt;
  return Floor{range_of(samples).median, samples.size()};
}

bool is_measured(const CampaignRow& row) {
  const Verdict verdict = row.trial.judgement.verdict;
  return verdict != Verdict::failed && verdict != Verdict::corrupt;
}

std::uint64_t rounds_in(const std::vector<CampaignRow>& rows) {
  std::uint64_t rounds = 0;
  for (const CampaignRow& row : rows) rounds = std::max(rounds, row.round + 1);
  return rounds;
}

std::map<std::uint64_t, double> figures_of(const CampaignPlan& plan,
                                           const std::vector<CampaignRow>& rows,
                                           std::size_t contestant, std::size_t level,
                                           const Metric& metric) {
  std::map<std::uint64_t, double> figures;
  for (const CampaignRow& row : rows)
    if (row.contestant == contestant && row.level == level && row.excluded.empty() &&
        is_measured(row))
      if (const auto figure = metric.of(row.trial, plan.levels[level].load))
        figures[row.round] = *figure;
  return figures;
}

std::vector<double> ratios_of(const std::map<std::uint64_t, double>& some,
                              const std::map<std::uint64_t, double>& others) {
  std::vector<double> ratios;
  for (const auto& [round, figure] : some)
    if (const auto other = others.find(round); other != others.end())
      if (figure > 0 && other->second > 0) ratios.push_back(figure / other->second);
  return ratios;
}

Range range_of(std::vector<double> figures) {
  if (figures.empty()) return {};
  if (const auto interval = median_interval(figures))
    return {interval->middle, interval->low, interval->high, figures.size()};
  std::ranges::sort(figures);
  const std::size_t n = figures.size();
  const double median = (figures[(n - 1) / 2] + figures[n / 2]) / 2;
  return {median, figures.front(), figures.back(), n};
}

}  // namespace echolab
