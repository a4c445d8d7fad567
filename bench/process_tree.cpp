#include "bench/process_tree.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
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

/// Of the children that `pid` has waited for: fields 16 and 17 of stat, after a name that
/// may hold blanks.
double reaped_cpu_ns(pid_t pid) {
  std::ifstream file(folder_of(pid) / "stat");
  std::string line;
  if (!std::getline(file, line)) return 0;
  std::istringstream rest(line.substr(line.rfind(')') + 2));
  std::string skipped;
  for (int i = 3; i <= 15; ++i) rest >> skipped;
  double user = 0;
  double system = 0;
  rest >> user >> system;
  return ticks_to_ns(user + system);
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
  for (const pid_t pid : tree) use.cpu_ns += reaped_cpu_ns(pid);
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

}  // namespace echolab
