#include "tests/process_tree.hpp"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>

namespace echolab::tests {
namespace {

namespace fs = std::filesystem;

/// What /proc/PID/stat says.
struct Stat {
  char state = '?';
  pid_t parent = 0;
  std::size_t threads = 0;
  long reaped_ticks = 0;
};

std::optional<pid_t> number_of(const fs::path& entry) {
  const std::string name = entry.filename();
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
  return error == std::errc() && *end == '\0' ? std::optional(pid) : std::nullopt;
}

fs::path folder_of(pid_t pid) {
  return fs::path("/proc") / std::to_string(pid);
}

/// Empty when the process is gone.
std::optional<Stat> stat_of(pid_t pid) {
  std::ifstream file(folder_of(pid) / "stat");
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  std::istringstream rest(line.substr(line.rfind(')') + 1));  // a name may have blanks
  Stat stat;
  std::string skipped;
  rest >> stat.state >> stat.parent;
  for (int i = 5; i <= 15; ++i) rest >> skipped;  // numbered as in proc(5)
  long user = 0;
  long system = 0;
  rest >> user >> system;
  for (int i = 18; i <= 19; ++i) rest >> skipped;
  rest >> stat.threads;
  stat.reaped_ticks = user + system;
  return stat;
}

/// The numbers of the open descriptors; none when the process is gone.
std::vector<int> descriptors_of(pid_t pid) {
  std::vector<int> open;
  std::error_code error;
  for (fs::directory_iterator at(folder_of(pid) / "fd", error), end; !error && at != end;
       at.increment(error))
    open.push_back(number_of(at->path()).value_or(0));
  return open;
}

std::size_t resident_bytes_of(pid_t pid) {
  std::ifstream file(folder_of(pid) / "statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  file >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

/// Of the socket with these ports, as /proc/net/tcp has it: "sl: local remote st tx:rx
/// tr:when retransmits uid timeout inode", addresses in hexadecimal. Empty: none.
std::string inode_of(std::uint16_t local_port, std::uint16_t remote_port) {
  const auto port_in = [](const std::string& address) {
    return std::stoul(address.substr(address.find(':') + 1), nullptr, 16);
  };
  std::ifstream file("/proc/net/tcp");
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::string skipped, local, remote, inode;
    fields >> skipped >> local >> remote;
    for (int i = 0; i < 6; ++i) fields >> skipped;
    fields >> inode;
    if (port_in(local) == local_port && port_in(remote) == remote_port) return inode;
  }
  return "";
}

Nanoseconds cpu_of(pid_t pid, const Stat& stat) {
  const long ticks_per_second = ::sysconf(_SC_CLK_TCK);
  Nanoseconds cpu(stat.reaped_ticks * (1'000'000'000 / ticks_per_second));
  clockid_t clock{};
  timespec used{};
  if (::clock_getcpuclockid(pid, &clock) == 0 && ::clock_gettime(clock, &used) == 0)
    cpu += std::chrono::seconds(used.tv_sec) + Nanoseconds(used.tv_nsec);
  return cpu;
}

void add(ProcessTree& tree, pid_t pid, const Stat& stat) {
  if (stat.state == 'Z' || stat.state == 'X') {
    ++tree.zombies;
    return;
  }
  tree.pids.push_back(pid);
  tree.threads += stat.threads;
  tree.descriptors += descriptors_of(pid).size();
  tree.stopped += stat.state == 'T' ? 1 : 0;
  tree.resident_bytes += resident_bytes_of(pid);
  tree.cpu += cpu_of(pid, stat);
}

}  // namespace

ProcessTree descendants_of(pid_t root) {
  std::map<pid_t, Stat> all;
  for (const auto& entry : fs::directory_iterator("/proc"))
    if (const auto pid = number_of(entry.path()))
      if (const auto stat = stat_of(*pid)) all.emplace(*pid, *stat);
  ProcessTree tree;
  std::vector<pid_t> parents{root};
  while (!parents.empty()) {
    const pid_t parent = parents.back();
    parents.pop_back();
    for (const auto& [pid, stat] : all) {
      if (stat.parent != parent) continue;
      add(tree, pid, stat);
      parents.push_back(pid);
    }
  }
  return tree;
}

std::vector<pid_t> holders_of(const ProcessTree& tree, std::uint16_t server_port,
                              std::uint16_t client_port) {
  const std::string socket = "socket:[" + inode_of(server_port, client_port) + "]";
  std::vector<pid_t> holders;
  std::error_code gone;
  for (const pid_t pid : tree.pids)
    if (std::ranges::any_of(descriptors_of(pid), [&](int fd) {
          return fs::read_symlink(folder_of(pid) / "fd" / std::to_string(fd), gone) ==
                 socket;
        }))
      holders.push_back(pid);
  return holders;
}

// Not by glibc's pidfd_open(), which C++ cannot link before 2.37.
Fd watch(pid_t pid) {
  return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

std::vector<Fd> watch(const ProcessTree& tree) {
  std::vector<Fd> watched;
  for (const pid_t pid : tree.pids)
    if (Fd fd = watch(pid)) watched.push_back(std::move(fd));
  return watched;
}

bool all_ended(const std::vector<Fd>& watched) {
  return std::ranges::all_of(watched, [](const Fd& fd) {
    pollfd ended{.fd = fd.get(), .events = POLLIN, .revents = 0};
    return ::poll(&ended, 1, 0) == 1;
  });
}

void leave_descriptors(const ProcessTree& tree, std::size_t room) {
  for (const pid_t pid : tree.pids) {
    const auto open = descriptors_of(pid);
    const int highest = open.empty() ? 0 : *std::ranges::max_element(open);
    set_limit({.pids = {pid}}, RLIMIT_NOFILE, static_cast<rlim_t>(highest) + 1 + room);
  }
}

void set_limit(const ProcessTree& tree, __rlimit_resource resource, rlim_t value) {
  for (const pid_t pid : tree.pids) {
    rlimit limit{};
    if (::prlimit(pid, resource, nullptr, &limit) != 0 && errno == ESRCH) continue;
    limit.rlim_cur = std::min(value, limit.rlim_max);
    checked(::prlimit(pid, resource, &limit, nullptr), "prlimit");
  }
}

}  // namespace echolab::tests
