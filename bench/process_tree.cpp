#include "bench/process_tree.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>

namespace echolab {
namespace {

namespace fs = std::filesystem;

fs::path folder_of(pid_t pid) {
  return fmt::format("/proc/{}", pid);
}

/// Calls `visit(path)` for each entry; a process that ends meanwhile has none left.
template <class Visit>
void for_each_entry(const fs::path& folder, Visit visit) {
  std::error_code gone;
  for (fs::directory_iterator at(folder, gone), end; !gone && at != end;
       at.increment(gone))
    visit(at->path());
}

/// The number after `name` in a file of "name: number" lines; 0 when there is none.
std::uint64_t field(const fs::path& path, std::string_view name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(name)) continue;
    const char* digits =
        line.c_str() + std::min(line.find_first_of("0123456789"), line.size());
    return std::strtoull(digits, nullptr, 10);
  }
  return 0;
}

double ticks_to_ns(double ticks) {
  return ticks * 1e9 / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double own_cpu_ns(pid_t pid) {
  clockid_t clock{};
  timespec used{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &used) != 0)
    return 0;
  return static_cast<double>(used.tv_sec) * 1e9 + static_cast<double>(used.tv_nsec);
}

/// Of /proc/PID/stat, what comes after the name, which may hold blanks: its third field
/// (proc(5)) is the first here. Empty when the process is gone.
std::vector<std::string> stat_of(pid_t pid) {
  std::ifstream file(folder_of(pid) / "stat");
  std::string line;
  if (!std::getline(file, line)) return {};
  std::istringstream rest(line.substr(line.rfind(')') + 2));
  return std::vector<std::string>(std::istream_iterator<std::string>(rest), {});
}

/// Field `number` of it, as proc(5) counts them; 0 when it is not there.
std::uint64_t stat_field(const std::vector<std::string>& stat, std::size_t number) {
  return number - 3 < stat.size() ? std::strtoull(stat[number - 3].c_str(), nullptr, 10)
                                  : 0;
}

/// Those whose children are in it.
std::set<pid_t> parents_of(const std::vector<pid_t>& tree) {
  std::set<pid_t> parents;
  for (const pid_t pid : tree)
    parents.insert(static_cast<pid_t>(stat_field(stat_of(pid), 4)));
  return parents;
}

/// Of the children that it has waited for.
double reaped_cpu_ns(const std::vector<std::string>& stat) {
  return ticks_to_ns(static_cast<double>(stat_field(stat, 16) + stat_field(stat, 17)));
}

}  // namespace

std::vector<pid_t> tree_of(pid_t root) {
  std::vector<pid_t> tree;
  if (fs::exists(folder_of(root))) tree.push_back(root);
  for (std::size_t i = 0; i < tree.size(); ++i) {
    for_each_entry(folder_of(tree[i]) / "task", [&](const fs::path& task) {
      std::ifstream children(task / "children");
      for (pid_t child = 0; children >> child;) tree.push_back(child);
    });
  }
  return tree;
}

TreeUse use_of(const std::vector<pid_t>& tree) {
  TreeUse use;
  for (const pid_t pid : tree) use.cpu_ns += reaped_cpu_ns(stat_of(pid));
  use.cpu_read = std::chrono::steady_clock::now();
  for (const pid_t pid : tree) use.cpu_ns += own_cpu_ns(pid);
  use.switches_read = std::chrono::steady_clock::now();
  for (const pid_t pid : tree) {
    for_each_entry(folder_of(pid) / "task", [&](const fs::path& task) {
      use.voluntary_switches += field(task / "status", "voluntary_ctxt_switches");
      use.involuntary_switches += field(task / "status", "nonvoluntary_ctxt_switches");
    });
  }
  return use;
}

TreeSize size_of(const std::vector<pid_t>& tree) {
  TreeSize size{.processes = tree.size(), .threads = 0, .descriptors = 0, .pss_bytes = 0};
  for (const pid_t pid : tree) {
    for_each_entry(folder_of(pid) / "task", [&](const fs::path&) { ++size.threads; });
    for_each_entry(folder_of(pid) / "fd", [&](const fs::path&) { ++size.descriptors; });
    size.pss_bytes += field(folder_of(pid) / "smaps_rollup", "Pss:") * 1024;
  }
  return size;
}

TreeGlance glance_at(const std::vector<pid_t>& tree) {
  TreeGlance glance;
  std::uint64_t pages = 0;
  for (const pid_t pid : tree) {
    const auto stat = stat_of(pid);
    glance.cpu_ns += reaped_cpu_ns(stat);
    glance.threads += stat_field(stat, 20);
    pages += stat_field(stat, 24);
  }
  glance.read = std::chrono::steady_clock::now();
  for (const pid_t pid : tree) glance.cpu_ns += own_cpu_ns(pid);
  glance.rss_bytes = pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return glance;
}

std::map<pid_t, double> thread_cpu_ns_of(const std::vector<pid_t>& tree) {
  std::map<pid_t, double> times;
  for (const pid_t pid : tree) {
    for_each_entry(folder_of(pid) / "task", [&](const fs::path& task) {
      std::ifstream file(task / "schedstat");
      double on_cpu_ns = 0;
      if (file >> on_cpu_ns) times[std::stoi(task.filename())] = on_cpu_ns;
    });
  }
  return times;
}

std::vector<double> greatest_growths(const std::map<pid_t, double>& before,
                                     const std::map<pid_t, double>& after,
                                     std::size_t most) {
  std::vector<double> growths;
  for (const auto& [thread, ns] : after) {
    const auto earlier = before.find(thread);
    const double grown = ns - (earlier == before.end() ? 0 : earlier->second);
    if (grown > 0) growths.push_back(std::round(grown / 1e3) / 1e6);
  }
  std::ranges::sort(growths, std::greater{});
  growths.resize(std::min(growths.size(), most));
  return growths;
}

std::set<std::string> sockets_of(pid_t pid) {
  std::set<std::string> sockets;
  for_each_entry(folder_of(pid) / "fd", [&](const fs::path& entry) {
    std::error_code gone;
    const std::string target = fs::read_symlink(entry, gone);
    if (target.starts_with("socket:")) sockets.insert(target);
  });
  return sockets;
}

std::optional<std::vector<std::uint64_t>> sockets_by_process(
    const std::vector<pid_t>& tree, const std::set<std::string>& before,
    std::size_t most) {
  if (tree.size() < 2) return std::nullopt;
  const std::set<pid_t> parents = parents_of(tree);
  std::vector<std::uint64_t> counts;
  for (const pid_t pid : tree) {
    const auto sockets = sockets_of(pid);
    const auto added = std::ranges::count_if(
        sockets, [&](const std::string& socket) { return !before.contains(socket); });
    if (added > 0 || !parents.contains(pid))
      counts.push_back(static_cast<std::uint64_t>(added));
  }
  if (counts.size() < 2) return std::nullopt;
  std::ranges::sort(counts, std::greater{});
  counts.resize(std::min(counts.size(), most));
  return counts;
}

}  // namespace echolab
