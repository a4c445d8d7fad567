#include "servers/supervisor.hpp"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>

namespace echolab {
namespace {

using Clock = std::chrono::steady_clock;

sigset_t signal_set(std::initializer_list<int> signals) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : signals) ::sigaddset(&set, signal);
  return set;
}

/// The next of `signals`; 0 when none comes before `deadline`.
int next_signal(const sigset_t& signals, std::optional<Clock::time_point> deadline) {
  for (;;) {
    int signal = 0;
    if (deadline) {
      const auto left = std::max(Nanoseconds(0), Nanoseconds(*deadline - Clock::now()));
      const timespec wait{.tv_sec = left.count() / 1'000'000'000,
                          .tv_nsec = left.count() % 1'000'000'000};
      signal = ::sigtimedwait(&signals, nullptr, &wait);
    } else {
      signal = ::sigwaitinfo(&signals, nullptr);
    }
    if (signal > 0) return signal;
    if (errno == EAGAIN) return 0;
  }
}

/// Ends the model and all that it forked: they have PR_SET_PDEATHSIG, and orphans are
/// adopted here (PR_SET_CHILD_SUBREAPER), so that none outlives the supervisor.
void kill_all(pid_t model) {
  ::kill(model, SIGKILL);
  while (::waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {
  }
}

int exit_code_of(int status) {
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  fmt::print(stderr, "echo_server: the model was killed by signal {} ({})\n",
             WTERMSIG(status), ::strsignal(WTERMSIG(status)));
  return static_cast<int>(ExitCode::failure);
}

int watch_over(pid_t model, const sigset_t& signals, const Listener& listener,
               Nanoseconds drain_timeout) {
  std::optional<Clock::time_point> deadline;
  for (;;) {
    const int signal = next_signal(signals, deadline);
    int status = 0;
    if (signal == SIGCHLD) {
      if (::waitpid(model, &status, WNOHANG) != model) continue;
      kill_all(model);  // what a crashed model left behind
      return exit_code_of(status);
    }
    if (signal == 0) {
      fmt::print(stderr, "echo_server: clients left after --drain-timeout were closed\n");
      kill_all(model);
      return static_cast<int>(ExitCode::ok);
    }
    if (deadline) {
      kill_all(model);
      return 128 + signal;
    }
    listener.stop();
    deadline = Clock::now() + drain_timeout;
  }
}

}  // namespace

int supervise(const Listener& listener, Nanoseconds drain_timeout,
              const std::function<int()>& serve,
              const std::function<void(pid_t model)>& started) {
  const sigset_t signals = signal_set({SIGTERM, SIGINT, SIGHUP, SIGCHLD});
  const sigset_t child = signal_set({SIGCHLD});
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  std::fflush(nullptr);
  const pid_t supervisor = ::getpid();
  const pid_t model = checked(::fork(), "fork");
  if (model == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != supervisor) ::_exit(1);
    ::sigprocmask(SIG_UNBLOCK, &child, nullptr);
    return serve();
  }
  started(model);
  return watch_over(model, signals, listener, drain_timeout);
}

}  // namespace echolab
