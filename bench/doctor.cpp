#include "bench/doctor.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "bench/environment.hpp"
#include "common/build.hpp"
#include "common/listener.hpp"
#include "common/machine.hpp"
#include "common/program.hpp"
#include "servers/availability.hpp"
#include "servers/models.hpp"

namespace echolab {
namespace {

using State = Finding::State;

constexpr std::uint64_t usual_crowd = 1'000;   // clients of the default campaign
constexpr std::uint64_t large_crowd = 10'000;  // the most of any experiment
constexpr std::uint64_t own = 200;  // descriptors and tasks of a program itself

/// Enough of something for the largest crowd, for the usual one, or for neither.
Finding enough(std::string name, std::uint64_t has, std::string_view unit,
               std::string remedy) {
  const State state = has >= large_crowd + own   ? State::ok
                      : has >= usual_crowd + own ? State::note
                                                 : State::missing;
  const std::string clients = state == State::ok     ? "10 000 clients"
                              : state == State::note ? "1 000 clients, not for 10 000"
                                                     : "not for 1 000 clients";
  return {std::move(name), state,
          fmt::format("{} {}: enough {}{}", has, unit,
                      state == State::missing ? "" : "for ", clients),
          state == State::ok ? "" : std::move(remedy)};
}

std::optional<std::uint64_t> number_in(const char* path) {
  const auto line = first_line(path);
  return line ? parse_count(*line) : std::nullopt;
}

Finding build_found() {
  const bool is_release = std::string_view(build::type) == "release";
  return {"build", is_release ? State::ok : State::missing,
          fmt::format("{}, {}", build::type, build::compiler),
          is_release ? "" : "measure with cmake --preset release"};
}

Finding processors() {
  const std::size_t n = allowed_cpus().size();
  const std::string found =
      fmt::format("{} of {}, {}", n, ::sysconf(_SC_NPROCESSORS_ONLN),
                  cpu_model().value_or("of an unknown kind"));
  if (n < 2) return {"processors", State::missing, found, "server and client need 2"};
  if (n < 4)
    return {"processors", State::note, found,
            "one each for server and client: single-core efficiency, not scaling"};
  return {"processors", State::ok, found, ""};
}

Finding clock_of_processors() {
  const auto policy = governor();
  if (!policy)
    return {"clock speed", State::note, "not Linux's to set",
            "compare within one campaign only"};
  if (*policy == "performance")
    return {"clock speed", State::ok, "governor performance", ""};
  return {"clock speed", State::note, fmt::format("governor {}", *policy),
          "cpupower frequency-set -g performance"};
}

Finding neighbours() {
  const auto host = hypervisor();
  if (!host) return {"neighbours", State::ok, "no hypervisor", ""};
  return {"neighbours", State::note,
          fmt::format("a virtual machine ({}), {:.0f} s stolen since boot", *host,
                      stolen_seconds()),
          "more rounds: what slows a whole round down leaves its ratios alone"};
}

Finding other_load() {
  double load = 0;
  ::getloadavg(&load, 1);
  const bool is_busy = load > 0.5;
  return {"other load", is_busy ? State::note : State::ok,
          fmt::format("load average {:.1f}", load),
          is_busy ? "end what else runs, wait a minute" : ""};
}

Finding descriptors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return enough("descriptors", limit.rlim_max, "per process",
                "raise nofile in /etc/security/limits.conf, or ulimit -Hn as root");
}

Finding tasks() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NPROC, &limit);
  std::uint64_t most = limit.rlim_max;
  for (const char* path : {"/proc/sys/kernel/threads-max", "/proc/sys/kernel/pid_max"})
    most = std::min(most, number_in(path).value_or(most));
  return enough("tasks", most, "threads and processes",
                "raise kernel.threads-max and kernel.pid_max, and nproc in limits.conf");
}

Finding listen_queue() {
  const auto most = number_in("/proc/sys/net/core/somaxconn").value_or(0);
  const bool is_short = most < usual_crowd;
  return {
      "listen queue", is_short ? State::note : State::ok, fmt::format("{} at most", most),
      is_short ? "sysctl -w net.core.somaxconn=4096, or crowds connect in waves" : ""};
}

Finding loopback() try {
  const Listener listener(Endpoint::parse("tcp://127.0.0.1:0"));
  return {"loopback", State::ok, "listens on 127.0.0.1", ""};
} catch (const std::exception& error) {
  return {"loopback", State::missing, error.what(), "ip link set lo up"};
}

Finding io_uring() {
  const auto why = unavailable_because(find_model("uring"));
  return {"io_uring", why ? State::note : State::ok, why.value_or("works"),
          why ? "its models are left out; sysctl -w kernel.io_uring_disabled=0" : ""};
}

/// Tried in a child: it cannot be undone.
Finding namespaces() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 ? 0 : 1);
  int status = 1;
  const bool works = child > 0 && ::waitpid(child, &status, 0) == child && status == 0;
  return {"network namespaces", works ? State::ok : State::note,
          works ? "may be made" : "may not be made",
          works ? "" : "no links but loopback; root may"};
}

Finding counters() {
  const auto line = first_line("/proc/sys/kernel/perf_event_paranoid");
  const bool works = line && (::geteuid() == 0 || *line == "0" || *line == "1" ||
                              line->starts_with('-'));
  return {
      "perf events", works ? State::ok : State::note,
      fmt::format("perf_event_paranoid {}", line.value_or("is not there")),
      works ? "" : "sysctl -w kernel.perf_event_paranoid=1, to use perf(1) beside us"};
}

bool is_on_path(const std::string& program) {
  const char* const path = std::getenv("PATH");
  return std::ranges::any_of(
      split(path == nullptr ? "" : path, ':'), [&](const auto& at) {
        return ::access((std::filesystem::path(at) / program).c_str(), X_OK) == 0;
      });
}

/// What the tests and scripts use besides; the comparison itself needs none of it.
Finding tools() {
  std::vector<std::string> missing;
  for (const char* name : {"taskset", "strace", "curl", "wrk", "ab", "nginx", "chromium"})
    if (!is_on_path(name)) missing.emplace_back(name);
  if (missing.empty()) return {"tools", State::ok, "all that the tests use", ""};
  return {"tools", State::note, fmt::format("without {}", fmt::join(missing, ", ")),
          "scripts/setup build report test"};
}

std::string_view word(State state) {
  return state == State::ok ? "ok" : state == State::note ? "note" : "MISSING";
}

}  // namespace

std::vector<Finding> examine_machine() {
  return {build_found(), processors(),   clock_of_processors(),
          neighbours(),  other_load(),   descriptors(),
          tasks(),       listen_queue(), loopback(),
          io_uring(),    namespaces(),   counters(),
          tools()};
}

bool is_fit(const std::vector<Finding>& findings) {
  return std::ranges::count(findings, State::missing, &Finding::state) == 0;
}

std::string findings_text(const std::vector<Finding>& findings, bool colour) {
  std::string text;
  for (const Finding& one : findings) {
    const char* const paint = !colour                    ? ""
                              : one.state == State::ok   ? "\033[32m"
                              : one.state == State::note ? "\033[33m"
                                                         : "\033[1;31m";
    text += fmt::format("{}{:<8}{}{:<19} {}\n", paint, word(one.state),
                        colour ? "\033[0m" : "", one.name, one.found);
    if (!one.remedy.empty()) text += fmt::format("{:27} -> {}\n", "", one.remedy);
  }
  return text + (is_fit(findings) ? "This machine can run every default campaign.\n"
                                  : "What is MISSING has to be mended first.\n");
}

nlohmann::json findings_json(const std::vector<Finding>& findings) {
  auto rows = nlohmann::json::array();
  for (const Finding& one : findings) {
    std::string state(word(one.state));
    if (one.state == State::missing) state = "missing";
    rows.push_back({{"name", one.name},
                    {"state", state},
                    {"found", one.found},
                    {"remedy", one.remedy}});
  }
  return {{"fit", is_fit(findings)}, {"findings", rows}};
}

}  // namespace echolab
