#include "bench/census.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <string_view>
#include <thread>

#include "common/affinity.hpp"
#include "common/machine.hpp"
#include "common/units.hpp"

namespace echolab {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t everybody = 1U << 20;  // --max-clients has no more

constexpr std::size_t no_end = std::numeric_limits<std::size_t>::max();

bool goes_by_clients(const Model& model, std::size_t workers) {
  const Census none = model.census(0, workers);
  const Census all = model.census(everybody, workers);
  return none.processes != all.processes || none.threads != all.threads;
}

bool come_and_go(const LoadPlan& load) {
  return load.manners.is_reborn() ||
         std::ranges::any_of(load.company, [](const LoadPlan& other) {
           return other.manners.is_reborn();
         });
}

/// As many as it was told, or what it takes of itself: by the cores that it may use.
std::size_t workers_of(const Contestant& contestant, const Start& start) {
  for (const auto* arguments : {&contestant.arguments, &start.arguments}) {
    const auto option = std::ranges::find(*arguments, "--workers");
    if (option == arguments->end() || option + 1 == arguments->end()) continue;
    if (const auto count = parse_count(*(option + 1)); count && *count > 0) return *count;
  }
  std::size_t workers = 0;
  std::thread([&] {
    pin_this_thread(start.cpus);
    workers = default_workers(*contestant.model);
  }).join();
  return workers;
}

/// Its threads as the kernel counts them; empty when it has ended.
std::optional<std::size_t> threads_of(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  std::istringstream rest(line.substr(line.rfind(')') + 1));  // a name may have blanks
  char state = '?';
  rest >> state;
  if (state == 'Z' || state == 'X') return std::nullopt;
  std::string skipped;
  for (int field = 4; field <= 19; ++field) rest >> skipped;  // as proc(5) counts them
  std::size_t threads = 0;
  rest >> threads;
  return threads;
}

std::size_t kernel_threads_of(pid_t pid) {
  std::size_t found = 0;
  std::error_code gone;
  for (fs::directory_iterator at(fmt::format("/proc/{}/task", pid), gone), end;
       !gone && at != end; at.increment(gone))
    found += first_line(at->path() / "comm").value_or("").starts_with("iou-") ? 1 : 0;
  return found;
}

struct Bounds {
  Census least;
  Census most;
};

Bounds bounds_of(const DeclaredCensus& declared, std::uint64_t served) {
  const Model& model = *declared.model;
  const std::size_t clients = declared.clients;
  Bounds bounds{model.census(std::min<std::size_t>(served, clients), declared.workers),
                model.census(clients, declared.workers)};
  if (model.axes.growth == "adaptive") {
    const Census alone = model.census(0, 0);
    const Census at_rest = model.census(0, declared.workers);
    bounds.least.processes = std::max(
        alone.processes, bounds.least.processes - (at_rest.processes - alone.processes));
    bounds.least.threads =
        std::max(alone.threads, bounds.least.threads - (at_rest.threads - alone.threads));
    bounds.most = model.census(everybody, declared.workers);
  }
  if (model.transports == "datagram" && model.axes.growth == "per_client")
    bounds.most = {no_end, no_end};
  return bounds;
}

std::string counted(std::size_t number, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", number, number == 1 ? one : many);
}

std::string contradiction(const std::string& seen, std::size_t least, std::size_t most) {
  const std::string bounds = least == most    ? fmt::format("{}", least)
                             : most == no_end ? fmt::format("at least {}", least)
                                              : fmt::format("{} to {}", least, most);
  return fmt::format("serves with {} where models.def declares {}", seen, bounds);
}

}  // namespace

std::optional<DeclaredCensus> declared_census(const Contestant& contestant,
                                              const Start& start, const LoadPlan& load) {
  if (contestant.model == nullptr) return std::nullopt;
  const std::size_t workers = workers_of(contestant, start);
  if (come_and_go(load) && goes_by_clients(*contestant.model, workers))
    return std::nullopt;
  std::size_t clients = load.connections;
  for (const LoadPlan& other : load.company) clients += other.connections;
  return DeclaredCensus{contestant.model, workers, clients};
}

Census census_of(const std::vector<pid_t>& tree) {
  Census seen{0, 0};
  for (const pid_t pid : tree) {
    const auto threads = threads_of(pid);
    if (!threads) continue;
    ++seen.processes;
    seen.threads += *threads;
    if (*threads > 1) seen.threads -= std::min(*threads, kernel_threads_of(pid));
  }
  return seen;
}

std::string census_contradiction(const DeclaredCensus& declared, std::uint64_t served,
                                 const Census& seen) {
  const auto [least, most] = bounds_of(declared, served);
  if (seen.processes < least.processes || seen.processes > most.processes)
    return contradiction(counted(seen.processes, "process", "processes"), least.processes,
                         most.processes);
  if (seen.threads < least.threads || seen.threads > most.threads)
    return contradiction(counted(seen.threads, "thread", "threads"), least.threads,
                         most.threads);
  return "";
}

}  // namespace echolab
