// GuardedProcess: a program that is gone, with all that it started, when it shall be and
// at the latest when whoever started it has ended, however that ended.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "common/fd.hpp"

namespace echolab {

/// Between this process and the program stands a guard, forked from this one: it sleeps
/// until this process is gone or wants the end, and kills what is there then. It adopts
/// orphans (PR_SET_CHILD_SUBREAPER), so that neither a session of its own nor a double
/// fork hides a process from it. Should the guard be killed, the program is killed, too
/// (PR_SET_PDEATHSIG), without what it forked.
class GuardedProcess {
 public:
  /// What is run, searched in PATH, and as what.
  struct Program {
    std::vector<std::string> command;
    std::vector<int> cpus;  ///< affinity; empty: anywhere
    int output;             ///< what it says on stdout and stderr goes there; borrowed
  };

  /// Descriptors without FD_CLOEXEC are the program's as well; options of ours
  /// (`ECHOLAB_…`) in the environment are not. A program that cannot be executed says so
  /// on its output and ends. Throws std::system_error.
  explicit GuardedProcess(const Program& program);
  ~GuardedProcess();
  GuardedProcess(const GuardedProcess&) = delete;
  GuardedProcess& operator=(const GuardedProcess&) = delete;

  /// The program's own process: a number that may be another's once it has ended.
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool is_alive() const { return !has_ended_within({}); }
  /// Waits so long for its end. Should a signal have killed it, its output says so by
  /// then.
  [[nodiscard]] bool has_ended_within(std::chrono::milliseconds patience) const;
  /// In order first: SIGTERM. What is left when it has ended, or after `patience`, is
  /// killed. Nothing is left when this returns.
  void stop(std::chrono::milliseconds patience);

 private:
  pid_t guard_ = -1;
  pid_t pid_ = -1;
  Fd leash_;   ///< a byte: SIGTERM, please; its end: kill all
  Fd answer_;  ///< the guard says the program's number, and ends it with the program
};

}  // namespace echolab
