#include "bench/witness.hpp"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <thread>

#include "common/machine.hpp"

namespace echolab {
namespace {

double seconds_between(std::chrono::steady_clock::time_point a,
                       std::chrono::steady_clock::time_point b) {
  return std::max(1e-9, std::chrono::duration<double>(b - a).count());
}

/// Use and requests are read at moments that differ a little (a tree of a thousand
/// processes takes a while to read), so rates are divided, not counts.
ServerFigures figures_of(const TreeUse& before, const TreeUse& after, double rps) {
  const double cpu_s = seconds_between(before.cpu_read, after.cpu_read);
  const double switches_s = seconds_between(before.switches_read, after.switches_read);
  const auto per_request = [&](double amount, double seconds) {
    return rps > 0 ? amount / seconds / rps : 0;
  };
  const auto grown = [](std::uint64_t from, std::uint64_t to) {
    return to > from ? static_cast<double>(to - from) : 0.0;
  };
  ServerFigures figures;
  figures.cpu_ns_per_request = per_request(after.cpu_ns - before.cpu_ns, cpu_s);
  figures.cpu_cores_used = (after.cpu_ns - before.cpu_ns) / 1e9 / cpu_s;
  figures.voluntary_switches_per_request =
      per_request(grown(before.voluntary_switches, after.voluntary_switches), switches_s);
  figures.involuntary_switches_per_request = per_request(
      grown(before.involuntary_switches, after.involuntary_switches), switches_s);
  return figures;
}

/// Empty where the kernel does not tell. What is seen in ticks may be less than what this
/// program is known to have used: then nobody else was seen.
std::optional<MachineFigures> machine_figures_of(const MachineUse& before,
                                                 const MachineUse& after, double rps) {
  const auto busy = after.busy_cores(before);
  if (!busy) return std::nullopt;
  const double own = after.own_cores(before);
  const double others_ns = std::max(0.0, *busy - own) * 1e9;
  return MachineFigures{*busy, own, rps > 0 ? others_ns / rps : 0};
}

}  // namespace

Witness::Witness(pid_t root, Nanoseconds interval,
                 const std::optional<DeclaredCensus>& census)
    : root_(root), interval_(interval), census_(census) {
  const auto tree = tree_of(root);
  idle_pss_ = size_of(tree).pss_bytes;
  for (const pid_t pid : tree) idle_sockets_.merge(sockets_of(pid));
  idle_kernel_ = kernel_memory_bytes();
}

LoadEvents Witness::events(const std::function<void(const LoadProgress&)>& progress) {
  return {.window_begins = [this] { begin(); },
          .window_ended = [this] { end(); },
          .progress =
              [this, progress](const LoadProgress& now) {
                errors_ = now.errors;
                if (now.phase == std::string_view("greeting")) greeted_ = now.requests;
                progress(now);
              },
          .interval =
              [this](const LoadInterval& interval) {
                if (series_) series_->add(interval, errors_);
              }};
}

void Witness::tell(Trial& trial) const {
  trial.server = figures_of(before_, after_, trial.load.requests_per_second());
  trial.server.size = size_;
  trial.server.pss_bytes_idle = idle_pss_;
  if (busy_kernel_ > idle_kernel_)
    trial.server.kernel_bytes = busy_kernel_ - idle_kernel_;
  trial.server.thread_cpu_seconds =
      greatest_growths(threads_before_, threads_after_, shares_told);
  trial.server.process_connections = connections_;
  if (series_) trial.series = series_->json();
  trial.machine = machine_figures_of(machine_before_, machine_after_,
                                     trial.load.requests_per_second());
  trial.stolen_share = stolen_ / seconds_between(before_.cpu_read, after_.cpu_read) /
                       std::max(1u, std::thread::hardware_concurrency());
}

void Witness::begin() {
  const auto tree = tree_of(root_);
  stolen_ = stolen_seconds();
  threads_before_ = thread_cpu_ns_of(tree);
  before_ = use_of(tree);
  series_.emplace(interval_, tree);
  series_->begin(errors_);
  machine_before_ = machine_use();
}

void Witness::end() {
  machine_after_ = machine_use();
  const auto tree = tree_of(root_);
  after_ = use_of(tree);
  series_->end();
  stolen_ = stolen_seconds() - stolen_;
  busy_kernel_ = kernel_memory_bytes();
  size_ = size_of(tree);
  threads_after_ = thread_cpu_ns_of(tree);
  connections_ = sockets_by_process(tree, idle_sockets_, shares_told);
  failures_ = errors_;
  hold_census();
}

/// Looks again before it counts: a child that was just forked, or ends, is no
/// contradiction, nor is who still starts its workers (thousands take seconds). The load
/// goes on meanwhile.
void Witness::hold_census() {
  if (!census_) return;
  constexpr int looks = 15;
  const std::uint64_t served = greeted_ - std::min(greeted_, failures_);
  std::optional<Census> first;
  for (int look = 0; look < looks; ++look) {
    if (look > 0) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const Census seen = census_of(tree_of(root_));
    contradiction_ = census_contradiction(*census_, served, seen);
    if (contradiction_.empty()) return;
    if (!first) first = seen;
    if (seen.processes > first->processes || seen.threads > first->threads)
      return contradiction_.clear();
  }
}

}  // namespace echolab
