// Where a result comes from: machine, kernel, limits, build, commit.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/machine_files.hpp"
#include "bench/topology.hpp"

namespace echolab {

/// The member "environment" of a manifest (results/README.md) for a process that may use
/// these CPUs. What cannot be read is null.
nlohmann::json environment_json(const MachineFiles& files,
                                const std::vector<int>& allowed,
                                const Placement& placement);
/// The member "build": how this program was compiled, and from which commit.
nlohmann::json build_json();

/// Members of both, as JSON pointers into a manifest, that may differ where machine and
/// build are the same: they are of the moment, of each boot, or decide nothing that is
/// measured. scripts/report/likeness.py has the same.
extern const std::vector<const char*> what_may_differ;

std::string host_name();

}  // namespace echolab
