// What a machine lets its users do, tried out and not guessed: the doctor's.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "bench/machine_checks.hpp"

namespace echolab {

Finding try_loopback(const Machine& machine, const Demand& demand);
Finding try_io_uring(const Machine& machine, const Demand& demand);
Finding try_namespace(const Machine& machine, const Demand& demand);
Finding try_netem(const Machine& machine, const Demand& demand);
Finding try_strace(const Machine& machine, const Demand& demand);
Finding try_counters(const Machine& machine, const Demand& demand);
Finding find_tools(const Machine& machine, const Demand& demand);

/// What became of a command.
struct Outcome {
  bool worked = false;  ///< it ended in time, with 0
  std::string said{};   ///< the first line of its output, else why there is none
};
/// Runs it, without input, for so long at most; then it is killed, with what it started
/// in its process group. Nothing of it is left, whatever it does.
Outcome outcome_of(const std::vector<std::string>& command,
                   std::chrono::milliseconds patience);

/// The path of a program, looked for in PATH and where programs of root are; or empty.
std::string program_path(const std::string& name);

}  // namespace echolab
