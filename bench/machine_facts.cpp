#include "bench/machine_facts.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>

#include "common/program.hpp"

namespace echolab {
namespace {

const std::string cpus_folder = "/sys/devices/system/cpu/";
const std::string no_turbo = cpus_folder + "intel_pstate/no_turbo";
const std::string boost_file = cpus_folder + "cpufreq/boost";

/// A file of cpufreq that has kHz, in MHz.
std::optional<std::uint64_t> mhz_in(const MachineFiles& files, int cpu,
                                    const char* name) {
  const auto khz =
      files.number(fmt::format("{}cpu{}/cpufreq/{}", cpus_folder, cpu, name));
  return khz ? std::optional(*khz / 1000) : std::nullopt;
}

/// Numbers of a line that are parted by blanks, as many as there are from its begin.
std::vector<double> numbers_of(const std::string& line) {
  std::istringstream words(line);
  std::vector<double> numbers;
  for (double number = 0; words >> number;) numbers.push_back(number);
  return numbers;
}

}  // namespace

std::optional<std::string> hypervisor(const MachineFiles& files) {
  const auto flags = files.value("/proc/cpuinfo", "flags");
  const bool has_flag = flags && (*flags + " ").find(" hypervisor ") != std::string::npos;
  const auto type = files.line("/sys/hypervisor/type");  // Xen's
  if (!has_flag && !type) return std::nullopt;
  const auto vendor = files.line("/sys/devices/virtual/dmi/id/sys_vendor");
  return vendor.value_or(type.value_or("unknown"));
}

std::optional<std::string> governor(const MachineFiles& files,
                                    const std::vector<int>& cpus) {
  std::set<std::string> found;
  for (const int cpu : cpus)
    if (const auto one =
            files.line(fmt::format("{}cpu{}/cpufreq/scaling_governor", cpus_folder, cpu)))
      found.insert(*one);
  if (found.empty()) return std::nullopt;
  return fmt::format("{}", fmt::join(found, ", "));
}

std::optional<bool> turbo_is_on(const MachineFiles& files) {
  if (const auto is_off = files.number(no_turbo)) return *is_off == 0;
  if (const auto is_on = files.number(boost_file)) return *is_on != 0;
  return std::nullopt;
}

std::string turbo_remedy(const MachineFiles& files) {
  return files.number(no_turbo) ? "echo 1 > " + no_turbo : "echo 0 > " + boost_file;
}

std::optional<std::uint64_t> max_mhz(const MachineFiles& files, int cpu) {
  return mhz_in(files, cpu, "cpuinfo_max_freq");
}

std::optional<std::uint64_t> mhz_now(const MachineFiles& files, int cpu) {
  if (const auto mhz = mhz_in(files, cpu, "scaling_cur_freq")) return mhz;
  const auto numbers = numbers_of(files.value("/proc/cpuinfo", "cpu MHz").value_or(""));
  if (numbers.empty()) return std::nullopt;
  return static_cast<std::uint64_t>(std::llround(numbers.front()));
}

std::optional<bool> smt_is_active(const MachineFiles& files) {
  const auto active = files.number(cpus_folder + "smt/active");
  return active ? std::optional(*active != 0) : std::nullopt;
}

std::optional<std::uint64_t> throttle_count(const MachineFiles& files) {
  std::optional<std::uint64_t> of_cores;
  std::uint64_t of_package = 0;
  for (const std::string& name : files.names("/sys/devices/system/cpu")) {
    const std::string folder = cpus_folder + name + "/thermal_throttle/";
    const auto count = files.number(folder + "core_throttle_count");
    if (count) of_cores = of_cores.value_or(0) + *count;
    of_package =
        std::max(of_package, files.number(folder + "package_throttle_count").value_or(0));
  }
  return of_cores ? std::optional(*of_cores + of_package) : std::nullopt;
}

std::optional<CpuTime> cpu_time(const MachineFiles& files) {
  const auto line = files.line("/proc/stat");
  if (!line || !line->starts_with("cpu ")) return std::nullopt;
  // user nice system idle iowait irq softirq steal
  const auto ticks = numbers_of(line->substr(4));
  if (ticks.size() < 8) return std::nullopt;
  const double stolen = ticks[7];
  const double wanted = ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6] + stolen;
  return CpuTime{stolen / static_cast<double>(::sysconf(_SC_CLK_TCK)),
                 wanted > 0 ? stolen / wanted : 0};
}

std::optional<std::vector<double>> load_average(const MachineFiles& files) {
  auto numbers = numbers_of(files.line("/proc/loadavg").value_or(""));
  if (numbers.size() < 3) return std::nullopt;
  numbers.resize(3);  // "1/234" tasks would be a fourth
  return numbers;
}

std::optional<std::string> sysctl(const MachineFiles& files, std::string name) {
  std::ranges::replace(name, '.', '/');
  return files.line("/proc/sys/" + name);
}

std::optional<std::uint64_t> sysctl_number(const MachineFiles& files,
                                           const std::string& name) {
  const auto line = sysctl(files, name);
  const auto most = parse_most(line.value_or(""));
  return most ? most->number : std::nullopt;
}

std::optional<std::uint64_t> ephemeral_ports(const MachineFiles& files) {
  const auto ends =
      numbers_of(sysctl(files, "net.ipv4.ip_local_port_range").value_or(""));
  if (ends.size() != 2 || ends[1] < ends[0]) return std::nullopt;
  return static_cast<std::uint64_t>(ends[1] - ends[0]) + 1;
}

}  // namespace echolab
