// What a machine and a build do to the numbers that are measured there: one table of
// checks, for the doctor and for the warnings of a campaign.
#pragma once

#include <string>
#include <vector>

#include "bench/demand.hpp"
#include "bench/machine_files.hpp"
#include "common/build.hpp"
#include "common/machine.hpp"

namespace echolab {

/// What was looked at, and what came of it. Whatever is not ok has a meaning and a
/// remedy.
struct Finding {
  /// `note`: it works, and the numbers are less than they seem, or a part is left out;
  /// `missing`: what was asked cannot be run, or means nothing.
  enum class State { ok, note, missing };

  std::string name;  ///< what was looked at, in two or three words
  State state = State::ok;
  std::string found;     ///< what there is; it can be understood without the name
  std::string means{};   ///< for the numbers, in one line
  std::string remedy{};  ///< what to do, in one line; knows what was asked already
};

/// Where checks look. A test fills in a machine of its own.
struct Machine {
  MachineFiles files{};
  std::vector<int> allowed = allowed_cpus();
  std::string build_type = build::type;
};

struct Check {
  Finding (*look)(const Machine& machine, const Demand& demand);
  bool is_of_numbers;  ///< a campaign warns of it; else it is the doctor's alone
};
/// In the order in which they are told.
const std::vector<Check>& checks();

/// Demands no particular CPUs: those that a campaign has by default.
Demand with_default_cpus(Demand demand, const Machine& machine);

/// What makes the numbers of a campaign less than they seem: "what there is: what it
/// means; what to do", one each.
std::vector<std::string> environment_warnings(const Demand& demand,
                                              const Machine& machine = {});

}  // namespace echolab
