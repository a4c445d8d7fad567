// The control groups that this process is in, and what they let it have (cgroups(7)).
#pragma once

#include <optional>

#include "bench/machine_files.hpp"

namespace echolab {

/// The least of its own group and of all above it that can be seen. Each is empty where
/// no such controller is.
struct CgroupLimits {
  std::optional<int> version;      ///< that limits CPU time: 1 or 2
  std::optional<Most> millicores;  ///< 1500: as much time as one and a half CPUs have
  std::optional<Most> tasks;       ///< processes and threads
  std::optional<Most> memory_bytes;
};

CgroupLimits cgroup_limits(const MachineFiles& files);

}  // namespace echolab
