#include "bench/environment.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string_view>

#include "common/build.hpp"
#include "common/machine.hpp"

namespace echolab {
namespace {

using nlohmann::json;

json or_null(const std::optional<std::string>& text) {
  return text ? json(*text) : json();
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

json mitigations_json() {
  json found = json::object();
  for (const auto& [weakness, done] : mitigations()) found[weakness] = or_null(done);
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

}  // namespace

std::optional<std::string> hypervisor() {
  const auto flags = value_in("/proc/cpuinfo", "flags");
  if (!flags || (*flags + " ").find(" hypervisor ") == std::string::npos)
    return std::nullopt;
  const auto vendor = first_line("/sys/devices/virtual/dmi/id/sys_vendor");
  return vendor.value_or("unknown");
}

std::string host_name() {
  utsname name{};
  ::uname(&name);
  return name.nodename;
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
          {"cpu_model", or_null(cpu_model())},
          {"cpus_online", ::sysconf(_SC_NPROCESSORS_ONLN)},
          {"cpus_allowed", allowed_cpus()},
          {"memory_bytes", ::sysconf(_SC_PHYS_PAGES) * ::sysconf(_SC_PAGESIZE)},
          {"hypervisor", or_null(hypervisor())},
          {"governor", or_null(governor())},
          {"clock_source",
           or_null(first_line(
               "/sys/devices/system/clocksource/clocksource0/current_clocksource"))},
          {"load_average", load},
          {"mitigations", mitigations_json()},
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
