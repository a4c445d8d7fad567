#include "common/machine.hpp"

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>

namespace echolab {

namespace fs = std::filesystem;

std::optional<std::string> first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  return line;
}

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

std::string kernel_release() {
  utsname name{};
  ::uname(&name);
  return name.release;
}

std::optional<std::string> cpu_model() {
  return value_in("/proc/cpuinfo", "model name");
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

std::optional<std::string> governor() {
  return first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
}

std::map<std::string, std::optional<std::string>> mitigations() {
  std::map<std::string, std::optional<std::string>> found;
  std::error_code none;
  for (const auto& entry :
       fs::directory_iterator("/sys/devices/system/cpu/vulnerabilities", none))
    found[entry.path().filename()] = first_line(entry.path());
  return found;
}

double stolen_seconds() {
  std::ifstream file("/proc/stat");
  std::string name;
  double ticks = 0;
  file >> name;
  for (int column = 1; column <= 8; ++column) file >> ticks;  // user … steal
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

std::uint64_t kernel_memory_bytes() {
  std::uint64_t kib = 0;
  std::ifstream memory("/proc/meminfo");
  for (std::string line; std::getline(memory, line);)
    for (const std::string_view key : {"SUnreclaim:", "KernelStack:", "PageTables:"})
      if (line.starts_with(key)) kib += std::stoull(line.substr(key.size()));
  std::uint64_t pages = 0;
  std::ifstream sockets("/proc/net/sockstat");
  for (std::string line; std::getline(sockets, line);)
    if (const auto at = line.find(" mem "); line.starts_with("TCP:") && at != line.npos)
      pages = std::stoull(line.substr(at + 5));
  return kib * 1024 + pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace echolab
