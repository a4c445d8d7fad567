// What a tree of processes has used and holds, read from outside (proc(5)).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace echolab {

/// Totals since each process began; two of them make a rate. CPU time is exact to the
/// nanosecond for the living (their CPU clocks) and in ticks of 10 ms, once for all, for
/// the children that were reaped. Switches are those of living threads: what ended takes
/// its own along.
struct TreeUse {
  std::chrono::steady_clock::time_point cpu_read{};
  double cpu_ns = 0;
  std::chrono::steady_clock::time_point switches_read{};
  std::uint64_t voluntary_switches = 0;
  std::uint64_t involuntary_switches = 0;
};

/// What it holds now.
struct TreeSize {
  std::size_t processes = 0;
  std::size_t threads = 0;
  std::size_t descriptors = 0;
  std::uint64_t pss_bytes = 0;  ///< proportional set size: shared pages are split
};

/// `root` and all that descends from it; empty when it is gone.
std::vector<pid_t> tree_of(pid_t root);
TreeUse use_of(const std::vector<pid_t>& tree);
TreeSize size_of(const std::vector<pid_t>& tree);

/// What one look at a tree gives that costs a file for each process (stat, proc(5)):
/// cheap enough to be taken again and again while the server is loaded.
struct TreeGlance {
  std::chrono::steady_clock::time_point read{};
  double cpu_ns = 0;  ///< as in TreeUse
  std::size_t threads = 0;
  std::uint64_t rss_bytes = 0;  ///< resident; a shared page counts in each process
};
TreeGlance glance_at(const std::vector<pid_t>& tree);

/// CPU time of each living thread since it began, in ns, by its id (schedstat). Empty
/// where the kernel does not keep it.
std::map<pid_t, double> thread_cpu_ns_of(const std::vector<pid_t>& tree);
/// How much each has used since, in seconds, to the microsecond, greatest first, at most
/// `most` of them.
std::vector<double> greatest_growths(const std::map<pid_t, double>& before,
                                     const std::map<pid_t, double>& after,
                                     std::size_t most);

/// "socket:[4711]" of all that are open in the process.
std::set<std::string> sockets_of(pid_t pid);
/// Sockets of each process of `tree` that are not in `before`, greatest first, at most
/// `most` processes. Who has children in the tree, and makes them serve (a supervisor, a
/// script, nginx's master), counts only if it has some. Empty for fewer than two
/// processes.
std::optional<std::vector<std::uint64_t>> sockets_by_process(
    const std::vector<pid_t>& tree, const std::set<std::string>& before,
    std::size_t most);

}  // namespace echolab
