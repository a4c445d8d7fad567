// Interrupt: Ctrl-C as a request to stop, for programs that have something to keep.
#pragma once

#include <unistd.h>

#include <csignal>
#include <stop_token>
#include <thread>

namespace echolab {

/// From its making on, SIGINT and SIGTERM ask token() to stop; a second one ends the
/// program at once with 130. To be made before other threads, so that they inherit the
/// blocked signals. One per process.
class Interrupt {
 public:
  Interrupt() {
    ::sigemptyset(&signals_);
    ::sigaddset(&signals_, SIGINT);
    ::sigaddset(&signals_, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &signals_, &before_);
    watcher_ = std::jthread([this](const std::stop_token& over) { watch(over); });
  }
  ~Interrupt() {
    watcher_.request_stop();
    watcher_.join();
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  [[nodiscard]] std::stop_token token() const { return asked_.get_token(); }
  [[nodiscard]] bool happened() const { return asked_.stop_requested(); }
  /// The signals as they were: for a child process, before it executes another program.
  [[nodiscard]] const sigset_t& before() const { return before_; }

 private:
  void watch(const std::stop_token& over) {
    constexpr timespec tick{.tv_sec = 0, .tv_nsec = 50'000'000};
    while (!over.stop_requested()) {
      if (::sigtimedwait(&signals_, nullptr, &tick) < 0) continue;
      if (asked_.stop_requested()) ::_exit(130);
      asked_.request_stop();
    }
  }

  sigset_t signals_{};
  sigset_t before_{};
  std::stop_source asked_;
  std::jthread watcher_;
};

}  // namespace echolab
