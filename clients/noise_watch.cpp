#include "clients/noise_watch.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>

#include "clients/load_clock.hpp"
#include "common/machine.hpp"
#include "common/units.hpp"

namespace echolab {
namespace {

/// Calibrated on 2 virtual cores, the load pinned to one and epoll_level to the other,
/// with 1, 16 and 1 000 connections and with 2 000 arrivals/s, 1 s each. While others
/// could not have the CPUs (the load and the server under SCHED_FIFO) it waited 0.5 … 5 %
/// of the time in which it wanted one, of which 5 % is the kernel's limit on such
/// threads; with a busy loop on its CPU 46 … 77 %, with three of them 45 … 86 %. How much
/// of all time that is says less: an open loop that sleeps for most of it waited 7 % of
/// it beside a busy loop.
constexpr double most_waited_share = 0.15;
/// Of all time: less cannot have moved the numbers by much, whatever share it is.
constexpr double least_waited_of_all = 0.01;
/// Not calibrated, as nothing was stolen: a twentieth of a CPU is that of a rate.
constexpr double most_stolen_share = 0.05;
/// Below this, one tick or one lost turn is too large a share of it.
constexpr double least_seconds = 0.1;
constexpr double least_stolen_seconds = 0.05;

/// user nice system idle iowait irq softirq steal, in ticks.
struct CpuTicks {
  double busy = 0;
  double stolen = 0;
};

CpuTicks ticks_of(const std::vector<int>& cpus) {
  std::ifstream file("/proc/stat");
  CpuTicks sum;
  for (std::string line; std::getline(file, line) && line.starts_with("cpu");) {
    std::istringstream words(line.substr(3));
    int cpu = -1;
    std::array<double, 8> columns{};
    if (line[3] == ' ' || !(words >> cpu)) continue;  // the sum of all
    for (double& column : columns) words >> column;
    if (!std::ranges::binary_search(cpus, cpu)) continue;
    sum.busy += columns[0] + columns[1] + columns[2];
    sum.stolen += columns[7];
  }
  return sum;
}

}  // namespace

double Noise::waited_share() const {
  const double waited = waited_seconds.value_or(0);
  return waited > 0 ? waited / (waited + ran_seconds) : 0;
}

double Noise::stolen_share() const {
  const double had = seconds * static_cast<double>(cpus);
  return had > 0 ? stolen_seconds / had : 0;
}

NoiseWatch::NoiseWatch(std::vector<pid_t> threads, std::vector<int> cpus)
    : threads_(std::move(threads)), cpus_(std::move(cpus)) {
  std::ranges::sort(cpus_);
  begin_ = read();
}

auto NoiseWatch::read() const -> Reading {
  Reading now;
  for (const pid_t thread : threads_) {
    const std::string folder = fmt::format("/proc/self/task/{}/", thread);
    std::ifstream schedstat(folder + "schedstat");
    double ran_ns = 0;
    double waited_ns = 0;
    if (schedstat >> ran_ns >> waited_ns) {
      now.ran_seconds += ran_ns / 1e9;
      now.waited_seconds = now.waited_seconds.value_or(0) + waited_ns / 1e9;
    }
    const auto switches = value_in(folder + "status", "nonvoluntary_ctxt_switches");
    now.involuntary_switches += parse_count(switches.value_or("")).value_or(0);
  }
  const CpuTicks ticks = ticks_of(cpus_);
  const auto per_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
  now.busy_seconds = ticks.busy / per_second;
  now.stolen_seconds = ticks.stolen / per_second;
  now.moment_ns = clock_ns();
  return now;
}

Noise NoiseWatch::until_now() const {
  const Reading end = read();
  Noise noise;
  noise.seconds = static_cast<double>(end.moment_ns - begin_.moment_ns) / 1e9;
  noise.threads = threads_.size();
  noise.cpus = cpus_.size();
  noise.involuntary_switches =
      std::max(end.involuntary_switches, begin_.involuntary_switches) -
      begin_.involuntary_switches;
  noise.stolen_seconds = std::max(0.0, end.stolen_seconds - begin_.stolen_seconds);
  if (!end.waited_seconds || !begin_.waited_seconds) return noise;
  noise.waited_seconds = std::max(0.0, *end.waited_seconds - *begin_.waited_seconds);
  noise.ran_seconds = std::max(0.0, end.ran_seconds - begin_.ran_seconds);
  noise.others_seconds =
      std::max(0.0, end.busy_seconds - begin_.busy_seconds - noise.ran_seconds);
  return noise;
}

std::optional<std::string> disturbance(const Noise& noise) {
  if (noise.seconds < least_seconds) return std::nullopt;
  const double all_seconds = noise.seconds * static_cast<double>(noise.threads);
  const bool wait_for_each_other = noise.threads > noise.cpus;
  if (!wait_for_each_other && noise.waited_share() > most_waited_share &&
      noise.waited_seconds > least_waited_of_all * all_seconds)
    return fmt::format(
        "others had the load's CPU for {:.0f} % of the time in which it "
        "wanted one",
        100 * noise.waited_share());
  if (noise.stolen_share() > most_stolen_share &&
      noise.stolen_seconds >= least_stolen_seconds)
    return fmt::format("the hypervisor took {:.0f} % of the load's CPU time",
                       100 * noise.stolen_share());
  return std::nullopt;
}

std::string noise_text(const Noise& noise) {
  std::string text = noise.waited_seconds
                         ? fmt::format("waited {:.1f} % of the time that it wanted a CPU",
                                       100 * noise.waited_share())
                         : std::string("no schedstat");
  text += fmt::format("   {} involuntary switches   {:.1f} % stolen",
                      noise.involuntary_switches, 100 * noise.stolen_share());
  if (noise.others_seconds && noise.seconds > 0)
    text += fmt::format("   others {:.2f} cores of {}",
                        *noise.others_seconds / noise.seconds, noise.cpus);
  return text;
}

}  // namespace echolab
