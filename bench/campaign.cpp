#include "bench/campaign.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>

#include "bench/campaign_order.hpp"

namespace echolab {
namespace {

using Clock = std::chrono::steady_clock;

/// Starting a server, its ready check, connecting, draining and stopping, beyond warm-up
/// and window: measured on two cores, 0.1 s at 1 client to 0.6 s at 1 000.
double overhead_seconds(std::uint64_t clients) {
  return 0.15 + 0.0005 * static_cast<double>(clients);
}

double seconds(Nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

double trial_seconds(const CampaignPlan& plan, std::uint64_t clients) {
  return seconds(plan.load.warm_up) + seconds(plan.load.duration) +
         overhead_seconds(clients);
}

/// Of the places of a campaign that have no trial yet.
double seconds_of(const CampaignPlan& plan, const std::vector<CampaignPlace>& places) {
  double sum = 0;
  for (const CampaignPlace& place : places) sum += trial_seconds(plan, place.clients);
  return sum;
}

}  // namespace

double estimated_seconds(const CampaignPlan& plan) {
  double round = 0;
  for (const std::uint64_t clients : plan.clients) round += trial_seconds(plan, clients);
  return round * static_cast<double>(plan.contestants.size() * plan.rounds);
}

bool is_parted(const CampaignPlan& plan) {
  return std::ranges::none_of(plan.load.cpus, [&](int cpu) {
    return std::ranges::count(plan.start.cpus, cpu) > 0;
  });
}

LoadPlan load_at(const CampaignPlan& plan, std::uint64_t clients) {
  LoadPlan load = plan.load;
  load.connections = clients;
  load.threads = std::min<std::size_t>(load.threads, clients);
  return load;
}

std::vector<CampaignRow> run_campaign(
    const CampaignPlan& plan, std::vector<CampaignRow> rows,
    const std::function<void(const CampaignRow&, std::size_t order)>& keep,
    const std::function<void(const CampaignProgress&)>& progress,
    const std::stop_token& stop) {
  CampaignOrder order(plan);
  for (const CampaignRow& row : rows) order.ran(row);
  const auto begin = Clock::now();
  double estimate_done = 0;
  while (const auto place = order.next()) {
    const Contestant& contestant = plan.contestants[place->contestant];
    const auto missing = order.missing();
    // What is left, corrected by how true the estimate was so far.
    const double past = std::chrono::duration<double>(Clock::now() - begin).count();
    const double truth = estimate_done > 5 ? past / estimate_done : 1;
    const double left = seconds_of(plan, missing) * truth;
    CampaignProgress now{rows.size(), rows.size() + missing.size(),
                         contestant,  place->clients,
                         left,        nullptr,
                         nullptr};
    const auto told = [&](const LoadProgress& load) {
      now.load = &load;
      progress(now);
    };
    Trial trial =
        run_trial(contestant, plan.start, load_at(plan, place->clients), told, stop);
    if (stop.stop_requested()) break;
    rows.push_back({place->contestant, place->clients, place->round, std::move(trial)});
    rows.back().excluded = order.excluded_because(rows.back());
    order.ran(rows.back());
    keep(rows.back(), rows.size() - 1);
    estimate_done += trial_seconds(plan, place->clients);
    now.done = rows.size();
    now.load = nullptr;
    now.ended = &rows.back();
    progress(now);
  }
  return rows;
}

bool is_in_datagrams(const CampaignPlan& plan) {
  return std::ranges::all_of(plan.contestants, &Contestant::in_datagrams);
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

Range range_of(std::vector<double> figures) {
  if (figures.empty()) return {};
  std::ranges::sort(figures);
  const std::size_t n = figures.size();
  const double median = (figures[(n - 1) / 2] + figures[n / 2]) / 2;
  return {median, figures.front(), figures.back(), n};
}

}  // namespace echolab
