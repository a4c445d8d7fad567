#include "bench/environment.hpp"

#include <fmt/format.h>
#include <gnu/libc-version.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>

#include "bench/cgroup.hpp"
#include "bench/machine_facts.hpp"
#include "common/build.hpp"
#include "common/commit.hpp"
#include "common/program.hpp"

namespace echolab {
namespace {

using nlohmann::json;

template <class Value>
json or_null(const std::optional<Value>& value) {
  return value ? json(*value) : json();
}

/// A number, "unlimited", or null where that is not known.
json most_json(const std::optional<Most>& most) {
  if (!most) return nullptr;
  return most->number ? json(*most->number) : json("unlimited");
}

json mitigations_json(const MachineFiles& files) {
  constexpr std::string_view folder = "/sys/devices/system/cpu/vulnerabilities";
  json found = json::object();
  for (const std::string& weakness : files.names(std::string(folder)))
    found[weakness] = or_null(files.line(fmt::format("{}/{}", folder, weakness)));
  return found;
}

json sysctls_json(const MachineFiles& files) {
  json found = json::object();
  for (const char* name : {"net.core.somaxconn",
                           "net.core.rmem_max",
                           "net.core.wmem_max",
                           "net.core.rmem_default",
                           "net.core.wmem_default",
                           "net.core.busy_poll",
                           "net.ipv4.tcp_max_syn_backlog",
                           "net.ipv4.tcp_syncookies",
                           "net.ipv4.ip_local_port_range",
                           "net.ipv4.tcp_rmem",
                           "net.ipv4.tcp_wmem",
                           "net.ipv4.tcp_mem",
                           "net.ipv4.tcp_tw_reuse",
                           "net.ipv4.tcp_timestamps",
                           "net.ipv4.tcp_congestion_control",
                           "kernel.threads-max",
                           "kernel.pid_max",
                           "kernel.randomize_va_space",
                           "kernel.sched_autogroup_enabled",
                           "fs.file-max",
                           "fs.nr_open"})
    found[name] = or_null(sysctl(files, name));
  return found;
}

/// In bytes, of the first CPU: "48K" is how the kernel writes 48 KiB.
json caches_json(const MachineFiles& files, int cpu) {
  json caches = json::object();
  const std::string folder = fmt::format("/sys/devices/system/cpu/cpu{}/cache", cpu);
  for (const std::string& index : files.names(folder)) {
    if (!index.starts_with("index")) continue;
    const auto of = [&](const char* file) {
      return files.line(fmt::format("{}/{}/{}", folder, index, file)).value_or("");
    };
    const std::string type = of("type");
    const auto bytes = parse_bytes(of("size"));
    if (of("level").empty() || !bytes) continue;
    const char* const kind = type == "Data" ? "d" : type == "Instruction" ? "i" : "";
    caches[fmt::format("L{}{}_bytes", of("level"), kind)] = *bytes;
  }
  return caches.empty() ? json() : caches;
}

json clock_json(const MachineFiles& files, int cpu) {
  const std::string folder = fmt::format("/sys/devices/system/cpu/cpu{}/cpufreq/", cpu);
  return {{"driver", or_null(files.line(folder + "scaling_driver"))},
          {"max_mhz", or_null(max_mhz(files, cpu))},
          {"now_mhz", or_null(mhz_now(files, cpu))},
          {"boost", or_null(turbo_is_on(files))}};
}

json topology_json(const Topology& topology) {
  std::set<int> packages;
  std::set<int> nodes;
  std::size_t threads = 0;  // of the core that has most
  for (const Core& core : topology.cores) {
    packages.insert(core.package);
    nodes.insert(core.node);
    threads = std::max(threads, core.cpus.size());
  }
  if (!topology.is_known) return nullptr;
  return {{"packages", packages.size()},
          {"nodes", nodes.size()},
          {"cores", topology.cores.size()},
          {"threads_per_core", threads}};
}

/// What the kernel was started with. What stands behind "--" is its first process's.
std::optional<std::string> kernel_command_line(const MachineFiles& files) {
  auto line = files.line("/proc/cmdline");
  if (line) line->resize(std::min(line->size(), line->find(" -- ")));
  return line;
}

/// Of its words those that decide who runs when, how fast and how safely.
json kernel_options_json(const std::optional<std::string>& command_line) {
  if (!command_line) return nullptr;
  json options = json::array();
  for (const std::string& word : split(*command_line, ' ')) {
    const std::string name = word.substr(0, word.find('='));
    for (const std::string_view telling : {"isolcpus",
                                           "nohz",
                                           "nohz_full",
                                           "rcu_nocbs",
                                           "irqaffinity",
                                           "threadirqs",
                                           "preempt",
                                           "idle",
                                           "processor.max_cstate",
                                           "intel_idle.max_cstate",
                                           "cpuidle.governor",
                                           "cpuidle.off",
                                           "intel_pstate",
                                           "amd_pstate",
                                           "mitigations",
                                           "nosmt",
                                           "maxcpus",
                                           "nr_cpus",
                                           "mem",
                                           "transparent_hugepage",
                                           "hugepages",
                                           "clocksource",
                                           "tsc",
                                           "skew_tick",
                                           "spectre_v2",
                                           "nospectre_v2",
                                           "retbleed",
                                           "spec_store_bypass_disable",
                                           "mds",
                                           "tsx",
                                           "nopti",
                                           "pti",
                                           "numa_balancing"})
      if (name == telling) options.push_back(word);
  }
  return options;
}

json cgroup_json(const MachineFiles& files) {
  const CgroupLimits limits = cgroup_limits(files);
  json cpus = most_json(limits.millicores);
  if (cpus.is_number()) cpus = static_cast<double>(*limits.millicores->number) / 1000;
  return {{"version", or_null(limits.version)},
          {"cpus", cpus},
          {"tasks", most_json(limits.tasks)},
          {"memory_bytes", most_json(limits.memory_bytes)}};
}

json limits_json(const MachineFiles& files) {
  const auto soft = [&](const char* name) {
    const auto limits = limits_of(files, name);
    return most_json(limits ? std::optional(limits->soft) : std::nullopt);
  };
  const auto hard = [&](const char* name) {
    const auto limits = limits_of(files, name);
    return most_json(limits ? std::optional(limits->hard) : std::nullopt);
  };
  return {{"nofile", soft("Max open files")},
          {"nofile_hard", hard("Max open files")},
          {"nproc", soft("Max processes")},
          {"nproc_hard", hard("Max processes")},
          {"stack_bytes", soft("Max stack size")},
          {"memlock_bytes", soft("Max locked memory")}};
}

json steal_json(const MachineFiles& files) {
  const auto time = cpu_time(files);
  if (!time) return nullptr;
  return {{"seconds_since_boot", time->stolen_seconds},
          {"share_since_boot", time->stolen_share}};
}

/// Of the machine's hardware, and what it is set to.
json processors_json(const MachineFiles& files, const std::vector<int>& allowed) {
  const int first = allowed.empty() ? 0 : allowed.front();
  const std::string smt = "/sys/devices/system/cpu/smt/";
  return {{"cpu_model", or_null(files.value("/proc/cpuinfo", "model name"))},
          {"cpus_online", ::sysconf(_SC_NPROCESSORS_ONLN)},
          {"cpus_allowed", allowed},
          {"topology", topology_json(topology_of(allowed, files))},
          {"smt",
           {{"active", or_null(smt_is_active(files))},
            {"control", or_null(files.line(smt + "control"))}}},
          {"caches", caches_json(files, first)},
          {"clock", clock_json(files, first)},
          {"governor", or_null(governor(files, allowed))},
          {"throttled", or_null(throttle_count(files))},
          {"microcode", or_null(files.value("/proc/cpuinfo", "microcode"))},
          {"mitigations", mitigations_json(files)}};
}

json libraries_json() {
  json versions = {{"glibc", ::gnu_get_libc_version()}};
  for (const auto& [name, version] : build::libraries)
    versions[name] = *version == '\0' ? json() : json(version);
  return versions;
}

}  // namespace

const std::vector<const char*> what_may_differ = {
    "/build/libraries/CLI11",
    "/build/libraries/fmt",
    "/build/libraries/nlohmann_json",
    "/build/libraries/tomlplusplus",
    "/environment/cgroup/memory_bytes",
    "/environment/cgroup/tasks",
    "/environment/clock/now_mhz",
    "/environment/kernel_command_line",
    "/environment/limits/nproc",
    "/environment/limits/nproc_hard",
    "/environment/load_average",
    "/environment/steal",
    "/environment/sysctl/fs.file-max",
    "/environment/sysctl/kernel.threads-max",
    "/environment/sysctl/net.ipv4.tcp_mem",
    "/environment/throttled",
};

std::string host_name() {
  utsname name{};
  ::uname(&name);
  return name.nodename;
}

json environment_json(const MachineFiles& files, const std::vector<int>& allowed,
                      const Placement& placement) {
  utsname name{};
  ::uname(&name);
  const auto command_line = kernel_command_line(files);
  json all = {{"host", name.nodename},
              {"kernel", name.release},
              {"machine", name.machine},
              {"os", or_null(files.value("/etc/os-release", "PRETTY_NAME"))},
              {"memory_bytes", ::sysconf(_SC_PHYS_PAGES) * ::sysconf(_SC_PAGESIZE)},
              {"hypervisor", or_null(hypervisor(files))},
              {"clock_source",
               or_null(files.line(
                   "/sys/devices/system/clocksource/clocksource0/current_clocksource"))},
              {"load_average", or_null(load_average(files))},
              {"steal", steal_json(files)},
              {"placement", placement_json(placement)},
              {"kernel_command_line", or_null(command_line)},
              {"kernel_options", kernel_options_json(command_line)},
              {"sysctl", sysctls_json(files)},
              {"cgroup", cgroup_json(files)},
              {"limits", limits_json(files)}};
  all.update(processors_json(files, allowed));
  return all;
}

json build_json() {
  const auto commit = build::commit();
  return {{"version", build::version},
          {"type", build::type},
          {"compiler", build::compiler},
          {"flags", build::flags},
          {"libraries", libraries_json()},
          {"commit", commit ? json(commit->name) : json()},
          {"dirty", commit ? json(commit->is_dirty) : json()}};
}

}  // namespace echolab
