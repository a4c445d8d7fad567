// ProcessTree: what a server costs and leaves behind, seen from outside (proc(5)).
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/fd.hpp"
#include "common/units.hpp"

namespace echolab::tests {

/// A look at some living processes. Not atomic: what changes meanwhile may be counted
/// or not, so a test asks until it sees what must come.
struct ProcessTree {
  std::vector<pid_t> pids;  ///< without zombies
  std::size_t threads = 0;
  std::size_t descriptors = 0;
  std::size_t zombies = 0;
  std::size_t stopped = 0;  ///< by SIGSTOP
  std::size_t resident_bytes = 0;
  Nanoseconds cpu{0};  ///< with that of reaped children, in whole ticks
};

/// The children of `root`, their children, and so on.
ProcessTree descendants_of(pid_t root);

/// The processes of `tree` that have the server's end of an IPv4 connection open.
std::vector<pid_t> holders_of(const ProcessTree& tree, std::uint16_t server_port,
                              std::uint16_t client_port);

/// A pidfd: readable once the process has ended, and never mistaken for a later process
/// of the same number (pidfd_open(2)). None when the process is gone.
Fd watch(pid_t pid);
std::vector<Fd> watch(const ProcessTree& tree);
bool all_ended(const std::vector<Fd>& watched);

/// Lowers the soft limit of open files of each process to what it has open now, and
/// `room` numbers more.
void leave_descriptors(const ProcessTree& tree, std::size_t room);

/// The soft limit of `resource` (RLIMIT_...) of each process; RLIM_INFINITY: the hard
/// one.
void set_limit(const ProcessTree& tree, __rlimit_resource resource, rlim_t value);

}  // namespace echolab::tests
