#include "bench/cgroup.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "common/program.hpp"

namespace echolab {
namespace {

/// A hierarchy as it is mounted here (/proc/self/mountinfo: proc(5)).
struct Mount {
  std::string root;  ///< what of the hierarchy is at `point`: in a container a part
  std::string point;
  bool is_v2 = false;
  std::vector<std::string> options;  ///< of version 1: its controllers among them
};

/// "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw": what stands before the dash has
/// optional fields at its end.
std::optional<Mount> mount_of(const std::string& line) {
  const auto words = split(line, ' ');
  const auto dash = std::ranges::find(words, "-");
  if (words.size() < 6 || words.end() - dash < 4) return std::nullopt;
  const std::string& type = *(dash + 1);
  if (type != "cgroup" && type != "cgroup2") return std::nullopt;
  return Mount{words[3], words[4], type == "cgroup2", split(*(dash + 3))};
}

/// This process's group in the hierarchy of a controller; of version 2 it is "".
std::optional<std::string> group_of(const MachineFiles& files,
                                    const std::string& controller) {
  for (const std::string& line : lines_of(files.text("/proc/self/cgroup").value_or(""))) {
    const std::size_t first = line.find(':');  // "4:cpu,cpuacct:/a/group", "0::/a/group"
    const std::size_t second = line.find(':', first + 1);
    if (first == line.npos || second == line.npos) continue;
    const auto names = split(line.substr(first + 1, second - first - 1));
    if (controller.empty() ? names.empty() && line.starts_with("0:")
                           : std::ranges::count(names, controller) > 0)
      return line.substr(second + 1);
  }
  return std::nullopt;
}

/// The folders of its group and of those above, innermost first; none: no such hierarchy.
std::vector<std::string> folders_of(const MachineFiles& files,
                                    const std::string& controller) {
  const auto group = group_of(files, controller);
  if (!group) return {};
  for (const std::string& line :
       lines_of(files.text("/proc/self/mountinfo").value_or(""))) {
    const auto mount = mount_of(line);
    if (!mount || mount->is_v2 != controller.empty()) continue;
    if (!mount->is_v2 && std::ranges::count(mount->options, controller) == 0) continue;
    std::string below = *group;
    if (mount->root != "/" && below.starts_with(mount->root))
      below.erase(0, mount->root.size());
    std::vector<std::string> folders;
    while (below.size() > 1 && below.starts_with('/')) {
      folders.push_back(mount->point + below);
      below.erase(below.rfind('/'));
    }
    folders.push_back(mount->point);
    return folders;
  }
  return {};
}

/// "150000" of a period of "100000" us.
std::optional<Most> millicores_of(std::string_view quota, std::string_view period) {
  const auto most = parse_most(quota);
  const auto of = parse_most(period);
  if (!most || !most->number) return most;
  if (!of || !of->number || *of->number == 0) return std::nullopt;
  return Most{*most->number * 1000 / *of->number};
}

/// Version 1 had -1, and for memory a number above all that there is, for "no limit".
std::optional<Most> most_in(const MachineFiles& files, const std::string& path) {
  constexpr std::uint64_t without_limit = std::uint64_t{1} << 62;
  const auto line = files.line(path);
  const auto most = line ? parse_most(*line) : std::nullopt;
  if (most && most->number && *most->number >= without_limit) return Most{};
  return most;
}

void lower(std::optional<Most>& so_far, const std::optional<Most>& another) {
  if (!another) return;
  if (!so_far || !so_far->number ||
      (another->number && *another->number < *so_far->number))
    so_far = another;
}

}  // namespace

CgroupLimits cgroup_limits(const MachineFiles& files) {
  CgroupLimits limits;
  for (const std::string& folder : folders_of(files, "")) {
    const auto words = split(files.line(folder + "/cpu.max").value_or(""), ' ');
    if (words.size() == 2) lower(limits.millicores, millicores_of(words[0], words[1]));
    lower(limits.tasks, most_in(files, folder + "/pids.max"));
    lower(limits.memory_bytes, most_in(files, folder + "/memory.max"));
    limits.version = 2;
  }
  for (const std::string& folder : folders_of(files, "cpu")) {
    lower(limits.millicores,
          millicores_of(files.line(folder + "/cpu.cfs_quota_us").value_or(""),
                        files.line(folder + "/cpu.cfs_period_us").value_or("")));
    limits.version = 1;
  }
  for (const std::string& folder : folders_of(files, "pids"))
    lower(limits.tasks, most_in(files, folder + "/pids.max"));
  for (const std::string& folder : folders_of(files, "memory"))
    lower(limits.memory_bytes, most_in(files, folder + "/memory.limit_in_bytes"));
  return limits;
}

}  // namespace echolab
