#include "bench/attempts.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>

#include "bench/machine_facts.hpp"
#include "common/fd.hpp"
#include "common/listener.hpp"
#include "common/program.hpp"
#include "servers/availability.hpp"
#include "servers/models.hpp"

namespace echolab {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using State = Finding::State;

constexpr auto patience = 5s;

/// In a forked child: nothing but calls that are async-signal-safe.
[[noreturn]] void become(char* const* command, int output) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::setpgid(0, 0);
  for (const int ignored : {SIGPIPE, SIGXFSZ}) std::signal(ignored, SIG_DFL);
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  ::execvp(command[0], command);
  ::_exit(127);
}

/// What can be read by now, up to a few lines.
void collect(int fd, std::string& said) {
  std::array<char, 512> bytes{};
  for (;;) {
    const ssize_t n = ::read(fd, bytes.data(), bytes.size());
    if (n <= 0) return;
    if (said.size() < bytes.size())
      said.append(bytes.data(), static_cast<std::size_t>(n));
  }
}

/// Its wait status once it has ended; empty: it did not in time, and is killed.
std::optional<int> end_of(pid_t child, int output, Clock::time_point limit,
                          std::string& said) {
  int status = 0;
  pollfd news{.fd = output, .events = POLLIN, .revents = 0};
  while (Clock::now() < limit) {
    ::poll(&news, 1, 10);
    collect(output, said);
    const pid_t ended = ::waitpid(child, &status, WNOHANG);
    if (ended == child) return status;
    if (ended < 0) return std::nullopt;
    // Where its output has ended and itself has not, poll() would not wait.
    if ((news.revents & POLLHUP) != 0) ::poll(nullptr, 0, 1);
  }
  ::kill(-child, SIGKILL);
  ::kill(child, SIGKILL);  // before it had a group of its own
  ::waitpid(child, nullptr, 0);
  return std::nullopt;
}

Finding absent(const char* name, const std::string& program, const char* means,
               const char* package) {
  return {name, State::note, program + " is not installed", means,
          fmt::format("apt install {}", package)};
}

/// What perf_event_open(2) says to counting this process's own time in user space.
int counter_error(std::uint32_t type, std::uint64_t config) {
  perf_event_attr event{};
  event.size = sizeof event;
  event.type = type;
  event.config = config;
  event.exclude_kernel = 1;
  event.exclude_hv = 1;
  const Fd counter(static_cast<int>(
      ::syscall(SYS_perf_event_open, &event, 0, -1, -1, PERF_FLAG_FD_CLOEXEC)));
  return counter ? 0 : errno;
}

}  // namespace

Outcome outcome_of(const std::vector<std::string>& command,
                   std::chrono::milliseconds at_most) {
  std::vector<char*> words;
  for (const std::string& word : command)
    words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  std::array<int, 2> ends{};
  checked(::pipe2(ends.data(), O_CLOEXEC), "pipe2");
  const Fd here(ends[0]);
  Fd there(ends[1]);
  set_non_blocking(here.get());
  const auto limit = Clock::now() + at_most;
  const pid_t child = checked(::fork(), "fork");
  if (child == 0) become(words.data(), there.get());
  there.reset();
  Outcome outcome;
  const auto status = end_of(child, here.get(), limit, outcome.said);
  if (status) ::kill(-child, SIGKILL);  // what it left behind
  collect(here.get(), outcome.said);
  outcome.worked = status && WIFEXITED(*status) && WEXITSTATUS(*status) == 0;
  const auto lines = lines_of(outcome.said);
  outcome.said = !status          ? fmt::format("{} did not end in time", command.front())
                 : !lines.empty() ? lines.front()
                                  : fmt::format("{} failed", command.front());
  return outcome;
}

std::string program_path(const std::string& name) {
  const char* const path = std::getenv("PATH");
  auto folders = split(path == nullptr ? "" : path, ':');
  for (const char* of_root : {"/usr/sbin", "/sbin"})
    if (path != nullptr) folders.emplace_back(of_root);
  for (const std::string& folder : folders) {
    std::string file = std::filesystem::path(folder) / name;
    if (::access(file.c_str(), X_OK) == 0) return file;
  }
  return "";
}

Finding try_loopback(const Machine& /*machine*/, const Demand& /*demand*/) try {
  const Listener listener(Endpoint::parse("tcp://127.0.0.1:0"));
  return {"loopback", State::ok, "listens on 127.0.0.1"};
} catch (const std::exception& error) {
  return {"loopback", State::missing, error.what(), "no server can be reached",
          "ip link set lo up"};
}

Finding try_io_uring(const Machine& /*machine*/, const Demand& /*demand*/) {
  const auto why = unavailable_because(find_model("uring"));
  if (!why) return {"io_uring", State::ok, "works"};
  return {"io_uring", State::note, *why, "its models are left out",
          "sysctl -w kernel.io_uring_disabled=0, or a newer kernel"};
}

/// Tried in a child: it cannot be undone.
Finding try_namespace(const Machine& /*machine*/, const Demand& /*demand*/) {
  const bool is_root = ::geteuid() == 0;
  const pid_t child = ::fork();
  if (child == 0)
    ::_exit(::unshare(CLONE_NEWNET) == 0 || ::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0
                ? 0
                : 1);
  int status = 1;
  if (child > 0 && ::waitpid(child, &status, 0) == child && status == 0)
    return {"network namespaces", State::ok, "may be made"};
  return {"network namespaces", State::note, "may not be made",
          "there is no network but this machine's own",
          is_root ? "docker --cap-add SYS_ADMIN"
                  : "sysctl -w kernel.unprivileged_userns_clone=1, or as root"};
}

/// On the loopback of a namespace that is gone with the command.
Finding try_netem(const Machine& /*machine*/, const Demand& /*demand*/) {
  constexpr const char* means = "links with delay and loss cannot be made";
  const std::string unshare = program_path("unshare");
  const std::string tc = program_path("tc");
  if (tc.empty()) return absent("netem", "tc(8)", means, "iproute2");
  if (unshare.empty()) return absent("netem", "unshare(1)", means, "util-linux");
  const Outcome outcome =
      outcome_of({unshare, ::geteuid() == 0 ? "-n" : "-rn", tc, "qdisc", "add", "dev",
                  "lo", "root", "netem", "delay", "1ms"},
                 patience);
  if (outcome.worked) return {"netem", State::ok, "delays a link of a namespace"};
  return {"netem", State::note, outcome.said, means,
          "modprobe sch_netem; a kernel with CONFIG_NET_SCH_NETEM"};
}

Finding try_strace(const Machine& machine, const Demand& /*demand*/) {
  constexpr const char* means = "the system calls of a model cannot be counted";
  const std::string strace = program_path("strace");
  if (strace.empty()) return absent("strace", "strace(1)", means, "strace");
  const Outcome outcome = outcome_of({strace, "-e", "trace=none", "true"}, patience);
  if (outcome.worked) return {"strace", State::ok, "traces a child"};
  const auto scope = sysctl_number(machine.files, "kernel.yama.ptrace_scope");
  return {"strace", State::note, outcome.said, means,
          scope.value_or(0) > 1 ? "sysctl -w kernel.yama.ptrace_scope=1"
                                : "docker --cap-add SYS_PTRACE"};
}

Finding try_counters(const Machine& machine, const Demand& /*demand*/) {
  const auto level = machine.files.line("/proc/sys/kernel/perf_event_paranoid");
  const std::string paranoid =
      fmt::format("perf_event_paranoid {}", level.value_or("is not there"));
  const int hardware = counter_error(PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES);
  if (hardware == 0) return {"perf events", State::ok, paranoid + ", counts cycles"};
  constexpr const char* means = "cycles and cache misses cannot be counted";
  if (counter_error(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK) == 0)
    return {
        "perf events", State::note,
        fmt::format("{}, no hardware counters ({})", paranoid, std::strerror(hardware)),
        means,
        hypervisor(machine.files) ? "a host that hands its counters on (vPMU)"
                                  : "a kernel with a driver for them"};
  return {"perf events", State::note,
          fmt::format("{}: {}", paranoid, std::strerror(hardware)), means,
          "sysctl -w kernel.perf_event_paranoid=1, or docker --cap-add PERFMON"};
}

/// What the tests and scripts use besides; the comparison itself needs none of it.
Finding find_tools(const Machine& /*machine*/, const Demand& /*demand*/) {
  std::vector<std::string> missing;
  for (const char* name : {"taskset", "strace", "curl", "wrk", "ab", "nginx", "chromium"})
    if (program_path(name).empty()) missing.emplace_back(name);
  if (missing.empty()) return {"tools", State::ok, "all that the tests use"};
  return {"tools", State::note, fmt::format("without {}", fmt::join(missing, ", ")),
          "some tests and scripts are skipped; no campaign needs them",
          "scripts/setup build report test"};
}

}  // namespace echolab
