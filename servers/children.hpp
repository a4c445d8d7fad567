// Children: forked processes, one per client; and workers, a fixed set of them.
#pragma once

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <vector>

#include "common/fd.hpp"
#include "common/tally.hpp"
#include "servers/job.hpp"

namespace echolab {

/// Runs `work` in a new process, which then ends, and which dies with this one. Returns
/// its pid; negative when there is none left (fork(2)).
template <class Work>
pid_t start_process(Work&& work) {
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  try {
    work();
    ::_exit(0);
  } catch (const std::exception& error) {
    fmt::print(stderr, "echo_server: in process {}: {}\n", ::getpid(), error.what());
    ::_exit(1);
  }
}

/// Waits for the end of every child.
inline void wait_for_children() {
  while (::waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {
  }
}

/// The children of a single-threaded process; one object per process. They are reaped as
/// they end: by waitpid, so that their CPU time is counted (a process that ignores
/// SIGCHLD loses it: getrusage(2), NOTES).
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

  /// False when there is no process left.
  template <class Work>
  bool start(Work&& work) {
    const bool started = start_process(work) > 0;
    if (started) ++started_;
    return started;
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

/// Says so, and gives back the seats of the clients that it had.
inline void worker_died(const Job& job, std::size_t number) {
  static Tally deaths;
  job.seats.vacate(number);
  if (const auto count = deaths.add())
    fmt::print(stderr, "echo_server: workers died: {} so far; each is replaced\n",
               *count);
}

/// One of a set of worker processes: started again, as the same number, when it was
/// killed. Its seats are free then, for its clients are gone.
class Worker {
 public:
  /// The first start throws std::system_error where there is no process left.
  template <class Work>
  Worker(const Job& job, std::size_t number, Work&& work) : number_(number) {
    pid_ = checked(start(job, work), "fork(worker)");
  }

  [[nodiscard]] pid_t pid() const { return pid_; }

  /// What a process's end means: true when it returned, having drained. Else a new one is
  /// at work when this returns; one that did not live for 100 ms is replaced after as
  /// long a rest, so that a worker that cannot live does not eat the machine (Apache's
  /// prefork.c does so too).
  template <class Work>
  bool ended(int status, const Job& job, Work&& work) {
    pid_ = -1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
    worker_died(job, number_);
    do {
      if (std::chrono::steady_clock::now() - started_ < soon) rest();
      pid_ = start(job, work);
    } while (pid_ < 0);
    return false;
  }

 private:
  template <class Work>
  pid_t start(const Job& job, Work&& work) {
    started_ = std::chrono::steady_clock::now();
    return start_process([&] { work(job.part(number_, job.listener)); });
  }
  static void rest() {
    const timespec time{.tv_sec = 0, .tv_nsec = Nanoseconds(soon).count()};
    ::nanosleep(&time, nullptr);
  }

  static constexpr std::chrono::milliseconds soon{100};
  std::size_t number_;
  std::chrono::steady_clock::time_point started_;
  pid_t pid_ = -1;
};

/// Keeps `count` processes at `work(part of the job)` until each of them has returned.
template <class Work>
void keep_workers(const Job& job, std::size_t count, Work&& work) {
  std::vector<Worker> workers;
  for (std::size_t i = 0; i < count; ++i) workers.emplace_back(job, i, work);
  int status = 0;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, 0)) > 0 || errno == EINTR;) {
    const auto worker = std::ranges::find(workers, pid, &Worker::pid);
    if (worker != workers.end()) worker->ended(status, job, work);
  }
}

}  // namespace echolab
