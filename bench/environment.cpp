#include "bench/environment.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string_view>

#include "common/build.hpp"

namespace echolab {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::optional<std::string> first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  return line;
}

json or_null(const std::optional<std::string>& text) {
  return text ? json(*text) : json();
}

/// The value of "key : value" or "key=value" lines, without quotes.
std::optional<std::string> value_in(const fs::path& path, std::string_view key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const std::size_t begin = line.find_first_not_of(" \t:=\"", key.size());
    if (begin == line.npos) return "";
    return line.substr(begin, line.find_last_not_of("\" \t") + 1 - begin);
  }
  return std::nullopt;
}

/// What a command prints, its first line; empty when it fails.
std::optional<std::string> output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "re"),
                                                   ::pclose);
  std::array<char, 256> line{};
  if (!pipe || std::fgets(line.data(), line.size(), pipe.get()) == nullptr)
    return std::nullopt;
  std::string text(line.data());
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

json mitigations() {
  json found = json::object();
  std::error_code none;
  for (const auto& entry :
       fs::directory_iterator("/sys/devices/system/cpu/vulnerabilities", none))
    found[entry.path().filename()] = or_null(first_line(entry.path()));
  return found;
}

json sysctls() {
  json found = json::object();
  for (const char* name :
       {"net.core.somaxconn", "net.ipv4.tcp_max_syn_backlog",
        "net.ipv4.ip_local_port_range", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
        "net.ipv4.tcp_tw_reuse", "net.ipv4.tcp_congestion_control", "net.core.busy_poll",
        "kernel.threads-max", "kernel.pid_max", "kernel.sched_autogroup_enabled",
        "fs.file-max"}) {
    std::string path = name;
    for (char& c : path)
      if (c == '.') c = '/';
    found[name] = or_null(first_line("/proc/sys/" + path));
  }
  return found;
}

std::optional<std::string> hypervisor() {
  const auto flags = value_in("/proc/cpuinfo", "flags");
  if (!flags || (*flags + " ").find(" hypervisor ") == std::string::npos)
    return std::nullopt;
  const auto vendor = first_line("/sys/devices/virtual/dmi/id/sys_vendor");
  return vendor.value_or("unknown");
}

std::optional<std::string> governor() {
  return first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
}

}  // namespace

std::string host_name() {
  utsname name{};
  ::uname(&name);
  return name.nodename;
}

std::vector<int> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  ::sched_getaffinity(0, sizeof set, &set);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(static_cast<std::size_t>(cpu), &set)) cpus.push_back(cpu);
  return cpus;
}

json environment_json() {
  utsname name{};
  ::uname(&name);
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  std::array<double, 3> load{};
  ::getloadavg(load.data(), 3);
  return {{"host", name.nodename},
          {"kernel", name.release},
          {"machine", name.machine},
          {"os", or_null(value_in("/etc/os-release", "PRETTY_NAME"))},
          {"cpu_model", or_null(value_in("/proc/cpuinfo", "model name"))},
          {"cpus_online", ::sysconf(_SC_NPROCESSORS_ONLN)},
          {"cpus_allowed", allowed_cpus()},
          {"memory_bytes", ::sysconf(_SC_PHYS_PAGES) * ::sysconf(_SC_PAGESIZE)},
          {"hypervisor", or_null(hypervisor())},
          {"governor", or_null(governor())},
          {"clock_source",
           or_null(first_line(
               "/sys/devices/system/clocksource/clocksource0/current_clocksource"))},
          {"load_average", load},
          {"mitigations", mitigations()},
          {"sysctl", sysctls()},
          {"limits", {{"nofile", files.rlim_cur}, {"nofile_hard", files.rlim_max}}}};
}

json build_json() {
  const std::string git = fmt::format("git -C '{}' ", build::source_folder);
  const auto commit = output_of(git + "rev-parse --short=12 HEAD 2>/dev/null");
  const auto change = output_of(git + "status --porcelain 2>/dev/null");
  return {{"type", build::type},
          {"compiler", build::compiler},
          {"flags", build::flags},
          {"commit", or_null(commit)},
          {"dirty", change.has_value()}};
}

std::vector<std::string> environment_warnings() {
  std::vector<std::string> warnings;
  const std::string_view type = build::type;
  if (type != "release")
    warnings.push_back(
        fmt::format("a {} build is measured: use the release preset", type));
  if (hypervisor())
    warnings.emplace_back("a virtual machine: neighbours may take time from it unseen");
  const auto policy = governor();
  if (policy && *policy != "performance")
    warnings.push_back(fmt::format(
        "CPU governor '{}': the clock follows the load; set 'performance'", *policy));
  std::array<double, 3> load{};
  if (::getloadavg(load.data(), 3) > 0 && load[0] > 0.5)
    warnings.push_back(fmt::format(
        "load average {:.1f} at the start: something else was running", load[0]));
  if (allowed_cpus().size() < 2)
    warnings.emplace_back(
        "one CPU: server and client share it, nothing can be told apart");
  else if (allowed_cpus().size() < 4)
    warnings.emplace_back(
        "one core for the server: this compares single-core efficiency, not scaling");
  return warnings;
}

}  // namespace echolab
