// Children: forked workers, counted and reaped.
#pragma once

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>

#include "common/fd.hpp"

namespace echolab {

/// The children of a single-threaded process; one object per process. They die with it,
/// and are reaped as they end: by waitpid, so that their CPU time is counted (a process
/// that ignores SIGCHLD loses it: getrusage(2), NOTES).
class Children {
 public:
  Children() {
    struct sigaction action {};
    action.sa_handler = &Children::reap;
    ::sigemptyset(&action.sa_mask);
    action.sa_flags = SA_NOCLDSTOP;
    checked(::sigaction(SIGCHLD, &action, nullptr), "sigaction(SIGCHLD)");
  }
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;

  [[nodiscard]] std::size_t alive() const {
    return started_ - reaped.load(std::memory_order_relaxed);
  }

  /// Runs `work` in a new process, which then ends. False when there is none left.
  template <class Work>
  bool start(Work&& work) {
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child > 0) ++started_;
    if (child != 0) return child > 0;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() == parent) work();
    ::_exit(0);
  }

  void wait_for_all() const {
    int status = 0;
    while (::waitpid(-1, &status, 0) > 0 || errno == EINTR) {
    }
  }

 private:
  // Signals do not queue: one may stand for many children (UNP 5.10).
  static void reap(int) {
    const int saved = errno;
    while (::waitpid(-1, nullptr, WNOHANG) > 0)
      reaped.fetch_add(1, std::memory_order_relaxed);
    errno = saved;
  }

  static inline std::atomic<std::size_t> reaped{0};
  static_assert(std::atomic<std::size_t>::is_always_lock_free);  // in a signal handler
  std::size_t started_ = 0;
};

}  // namespace echolab
