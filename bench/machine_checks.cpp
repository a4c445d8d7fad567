#include "bench/machine_checks.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "bench/attempts.hpp"
#include "bench/cgroup.hpp"
#include "bench/machine_facts.hpp"
#include "common/program.hpp"

namespace echolab {
namespace {

using State = Finding::State;

constexpr std::uint64_t own = 200;  // descriptors and tasks of a program itself

Finding build_type(const Machine& machine, const Demand& /*demand*/) {
  const std::string& type = machine.build_type;
  if (type == "release")
    return {"build", State::ok, fmt::format("{}, {}", type, build::compiler)};
  const bool is_sanitized = type.find('+') != type.npos;
  return {"build", State::missing, fmt::format("a {} build", type),
          is_sanitized ? "each access to memory is checked: models are slowed down by "
                         "unlike factors"
                       : "not optimized: what costs here costs nothing in use",
          "measure with cmake --preset release"};
}

std::string model_of(const Machine& machine) {
  return machine.files.value("/proc/cpuinfo", "model name").value_or("of unknown kind");
}

Finding processors(const Machine& machine, const Demand& demand) {
  const std::size_t n = machine.allowed.size();
  const std::string found =
      fmt::format("{} of {}, {}", n, ::sysconf(_SC_NPROCESSORS_ONLN), model_of(machine));
  if (n < 2)
    return {"processors", State::missing, "one CPU: " + found,
            "server and client share it, and nothing can be told apart",
            "give it two: taskset, or more for the virtual machine"};
  if (demand.placement.server.cores > 1) return {"processors", State::ok, found};
  const bool has_more = demand.placement.cores.size() > 3;
  return {"processors", State::note, "one core for the server: " + found,
          "single-core efficiency, not scaling",
          has_more ? "give --server-cpus more than one"
                   : "give it four cores, two for each end"};
}

/// "… of whole cores: 0,4 | 1,5"
std::string whole_cores(const Placement& placement) {
  constexpr std::size_t most = 6;
  const std::size_t all = placement.cores.size();
  if (all < 2) return "give it a second core";
  std::string text = "--server-cpus and --client-cpus of whole cores:";
  for (std::size_t i = 0; i < std::min(all, most); ++i)
    text += fmt::format("{} {}", i == 0 ? "" : " |", fmt::join(placement.cores[i], ","));
  return text + (all > most ? " | …" : "");
}

Finding sides(const Machine& machine, const Demand& demand) {
  const Placement& placement = demand.placement;
  if (!placement.shared_cpus.empty())
    return {"sides", State::note,
            "server and client both on CPU " + cpu_list(placement.shared_cpus),
            "each takes time from the other, and how much is chance",
            whole_cores(placement)};
  if (!placement.is_known && !placement.is_given && machine.allowed.size() > 1)
    return {"sides", State::note, "the kernel does not tell which CPUs are one core",
            "server and client may be siblings, and slow each other unseen",
            "--server-cpus and --client-cpus of different cores, if you know them"};
  if (!placement.shared_cores.empty())
    return {"sides", State::note,
            fmt::format("server and client are siblings of one core: CPUs {}",
                        fmt::join(placement.shared_cores.front(), " and ")),
            "they share its units and caches: what one does slows the other",
            whole_cores(placement)};
  return {"sides", State::ok, placement_text(placement)};
}

/// An end whose cores are not alike: "performance" and "efficiency" ones.
Finding core_speeds(const Machine& machine, const Demand& demand) {
  constexpr double alike = 1.05;
  for (const auto* end : {&demand.placement.server, &demand.placement.client}) {
    std::uint64_t least = ~std::uint64_t{0};
    std::uint64_t most = 0;
    for (const int cpu : end->cpus)
      if (const auto mhz = max_mhz(machine.files, cpu)) {
        least = std::min(least, *mhz);
        most = std::max(most, *mhz);
      }
    if (most > 0 && static_cast<double>(most) > alike * static_cast<double>(least))
      return {"core speeds", State::note,
              fmt::format("CPUs {} have clocks of {} to {} MHz", cpu_list(end->cpus),
                          least, most),
              "how fast a server is depends on which of them it gets",
              "--server-cpus and --client-cpus of one kind each (lscpu --extended)"};
  }
  return {"core speeds", State::ok, "alike, as far as the kernel tells"};
}

Finding clock_speed(const Machine& machine, const Demand& /*demand*/) {
  const auto policy = governor(machine.files, machine.allowed);
  if (policy && *policy == "performance")
    return {"clock speed", State::ok, "governor performance"};
  if (policy)
    return {"clock speed", State::note, fmt::format("governor {}", *policy),
            "the clock follows the load: who waits more is slowed down more",
            "cpupower frequency-set -g performance"};
  if (hypervisor(machine.files))
    return {"clock speed", State::ok, "the hypervisor's to set"};
  return {"clock speed", State::note, "the clock is not Linux's to set",
          "it may follow load and heat unseen", "compare within one campaign only"};
}

Finding turbo(const Machine& machine, const Demand& /*demand*/) {
  const auto is_on = turbo_is_on(machine.files);
  if (!is_on) return {"turbo", State::ok, "not told"};
  if (!*is_on) return {"turbo", State::ok, "off"};
  return {"turbo", State::note, "turbo is on",
          "the clock depends on heat and on how many cores are busy",
          turbo_remedy(machine.files)};
}

Finding neighbours(const Machine& machine, const Demand& /*demand*/) {
  const auto host = hypervisor(machine.files);
  if (!host) return {"neighbours", State::ok, "no hypervisor"};
  return {"neighbours", State::note, fmt::format("a virtual machine ({})", *host),
          "neighbours may take time and caches from it unseen",
          "more rounds: what slows a whole round down leaves its ratios alone"};
}

Finding steal(const Machine& machine, const Demand& /*demand*/) {
  constexpr double most_share = 0.01;
  const auto time = cpu_time(machine.files);
  if (!time) return {"steal", State::ok, "not told"};
  const std::string found =
      fmt::format("{:.0f} s stolen since boot, {:.1f} % of what was wanted",
                  time->stolen_seconds, time->stolen_share * 100);
  if (time->stolen_share <= most_share) return {"steal", State::ok, found};
  return {"steal", State::note, found,
          "the host gave the time to others: slower trials and gaps, by chance",
          "a quieter host, or more rounds; NOISY trials are repeated"};
}

Finding other_load(const Machine& machine, const Demand& /*demand*/) {
  const auto load = load_average(machine.files);
  if (!load) return {"other load", State::ok, "not told"};
  const std::string found = fmt::format("load average {:.1f}", load->front());
  if (load->front() <= 0.5) return {"other load", State::ok, found};
  return {"other load", State::note, found,
          "something else was running, and may be still", "end it, wait a minute"};
}

Finding heat(const Machine& machine, const Demand& /*demand*/) {
  const auto count = throttle_count(machine.files);
  if (!count) return {"heat", State::ok, "not told"};
  if (*count == 0) return {"heat", State::ok, "never throttled since boot"};
  return {"heat", State::note,
          fmt::format("throttled {} times since boot, for heat", *count),
          "what runs late in a campaign runs on a slower clock",
          "better cooling, turbo off, shorter campaigns"};
}

/// On it is what it should be: each trial is a fresh process, with a layout of its own.
Finding layout(const Machine& machine, const Demand& /*demand*/) {
  constexpr std::uint64_t addr_no_randomize = 0x0040000;  // personality(2)
  const auto way = sysctl_number(machine.files, "kernel.randomize_va_space");
  const std::string flags = machine.files.line("/proc/self/personality").value_or("0");
  const bool is_off_here =
      (std::strtoull(flags.c_str(), nullptr, 16) & addr_no_randomize) != 0;
  if (!is_off_here && (!way || *way > 0))
    return {"memory layout", State::ok,
            way ? "random for each process: rounds average over it" : "not told"};
  return {"memory layout", State::note, "the same for each process (no ASLR)",
          "a lucky layout favours one model in all trials alike",
          is_off_here ? "run it without setarch -R"
                      : "sysctl -w kernel.randomize_va_space=2"};
}

Finding quota(const Machine& machine, const Demand& /*demand*/) {
  const auto most = cgroup_limits(machine.files).millicores;
  if (!most || !most->number || *most->number >= 1000 * machine.allowed.size())
    return {"CPU quota", State::ok, most ? "none that counts" : "no group to be seen"};
  return {"CPU quota", State::note,
          fmt::format("a quota of {:g} of {} CPUs (control group)",
                      static_cast<double>(*most->number) / 1000, machine.allowed.size()),
          "who has used it up stands still until the next period: rates and p99 are its",
          "whole CPUs instead: docker --cpuset-cpus for --cpus, AllowedCPUs= for "
          "CPUQuota="};
}

/// Enough of something for the largest crowd, for the usual one, or for neither.
Finding enough(std::string name, std::uint64_t has, std::string_view unit,
               const Demand& demand, std::string means, std::string remedy) {
  std::string found = fmt::format("{} {}: enough", has, unit);
  if (has >= demand.most_clients + own)
    return {std::move(name), State::ok,
            fmt::format("{} for {} clients", found, demand.most_clients)};
  const bool is_usual = has >= demand.clients + own;
  found = is_usual ? fmt::format("{} for {} clients, not for {}", found, demand.clients,
                                 demand.most_clients)
                   : fmt::format("{} {}: not enough for {} clients", has, unit,
                                 demand.clients);
  return {std::move(name), is_usual ? State::note : State::missing, std::move(found),
          std::move(means), std::move(remedy)};
}

/// The hard limit of this process, or what the kernel lets anybody have.
std::uint64_t hard_limit(const Machine& machine, std::string_view name,
                         const char* of_all) {
  const auto limits = limits_of(machine.files, name);
  const auto all = sysctl_number(machine.files, of_all);
  const std::uint64_t most = all.value_or(~std::uint64_t{0} >> 1);
  return limits ? std::min(most, limits->hard.number.value_or(most)) : most;
}

Finding descriptors(const Machine& machine, const Demand& demand) {
  return enough("descriptors", hard_limit(machine, "Max open files", "fs.nr_open"),
                "per process", demand,
                "each end has one for a connection: larger loads are left out",
                "raise nofile in /etc/security/limits.conf, or ulimit -Hn as root");
}

Finding tasks(const Machine& machine, const Demand& demand) {
  if (!demand.has_task_per_client)
    return {"tasks", State::ok, "no server has one for each client"};
  std::uint64_t most = hard_limit(machine, "Max processes", "kernel.threads-max");
  most = std::min(most, sysctl_number(machine.files, "kernel.pid_max").value_or(most));
  const auto group = cgroup_limits(machine.files).tasks;
  if (group) most = std::min(most, group->number.value_or(most));
  return enough("tasks", most, "threads and processes", demand,
                "who has one for each client turns the rest away",
                "raise kernel.threads-max, kernel.pid_max, nproc in limits.conf, or the "
                "group's pids.max");
}

Finding listen_queue(const Machine& machine, const Demand& demand) {
  if (demand.queue == 0) return {"listen queue", State::ok, "nobody waits in one"};
  const auto most = sysctl_number(machine.files, "net.core.somaxconn");
  if (!most) return {"listen queue", State::ok, "not told"};
  if (*most >= demand.queue)
    return {"listen queue", State::ok, fmt::format("{} at most", *most)};
  return {"listen queue", State::note,
          fmt::format("a listen queue of {} at most, {} may wait (net.core.somaxconn)",
                      *most, demand.queue),
          "who finds it full tries again after a second: connect times show that",
          fmt::format("sysctl -w net.core.somaxconn={}",
                      std::max<std::uint64_t>(demand.queue, 4096))};
}

/// TIME_WAIT keeps a port for 60 s, and for one where the kernel may take it back.
Finding ports(const Machine& machine, const Demand& demand) {
  if (demand.ports == 0) return {"ports", State::ok, "no load takes any"};
  const auto most = ephemeral_ports(machine.files);
  if (!most) return {"ports", State::ok, "not told"};
  const auto reuse = sysctl_number(machine.files, "net.ipv4.tcp_tw_reuse").value_or(0);
  const bool come_back =
      (reuse == 1 || (reuse == 2 && demand.is_over_loopback)) &&
      sysctl_number(machine.files, "net.ipv4.tcp_timestamps").value_or(1) > 0;
  const std::uint64_t needed = demand.ports + (come_back ? 0 : demand.ports_left_behind);
  const std::string found = fmt::format("{} of a client address", *most);
  if (*most >= needed) return {"ports", State::ok, found};
  return {"ports", State::note,
          fmt::format("{} ports of a client address, {} may be needed", *most, needed),
          demand.ports > *most ? "the largest loads cannot connect"
                               : "brief connections keep theirs for a minute, then "
                                 "connects fail",
          demand.ports > *most
              ? "sysctl -w net.ipv4.ip_local_port_range='1024 65535'"
              : "sysctl -w net.ipv4.tcp_tw_reuse=1, or a wider ip_local_port_range"};
}

}  // namespace

const std::vector<Check>& checks() {
  static const std::vector<Check> all = {
      {build_type, true},     {processors, true},    {sides, true},
      {core_speeds, true},    {clock_speed, true},   {turbo, true},
      {neighbours, true},     {steal, true},         {other_load, true},
      {heat, true},           {layout, true},        {quota, true},
      {descriptors, false},   {tasks, true},         {listen_queue, true},
      {ports, true},          {try_loopback, false}, {try_io_uring, false},
      {try_namespace, false}, {try_netem, false},    {try_strace, false},
      {try_counters, false},  {find_tools, false}};
  return all;
}

Demand with_default_cpus(Demand demand, const Machine& machine) {
  if (!demand.placement.server.cpus.empty()) return demand;
  const Topology topology = topology_of(machine.allowed, machine.files);
  demand.placement = placement_of(halves_of(topology), topology);
  return demand;
}

std::vector<std::string> environment_warnings(const Demand& demand,
                                              const Machine& machine) {
  const Demand asked = with_default_cpus(demand, machine);
  std::vector<std::string> warnings;
  for (const Check& check : checks()) {
    if (!check.is_of_numbers) continue;
    const Finding one = check.look(machine, asked);
    if (one.state != State::ok)
      warnings.push_back(fmt::format("{}: {}; {}", one.found, one.means, one.remedy));
  }
  return warnings;
}

}  // namespace echolab
