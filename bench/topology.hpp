// Topology: which CPUs are threads of one physical core, and where the cores are; and how
// they are parted between a server and its clients.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/machine_files.hpp"

namespace echolab {

/// One physical core: what its SMT siblings do, they do with the same execution units and
/// the same first caches.
struct Core {
  std::vector<int> cpus;  ///< of its siblings those that may be used, ascending
  int package = 0;        ///< the socket
  int node = 0;           ///< of memory (NUMA)
};

struct Topology {
  /// Of one node and one package beside each other, then by their first CPU.
  std::vector<Core> cores;
  /// The kernel told siblings and packages of all of them. Else a CPU of which it did not
  /// stands as a core of its own.
  bool is_known = true;

  /// Some core has more than one of its siblings here.
  [[nodiscard]] bool has_siblings() const;
};

/// The cores of these CPUs, by /sys/devices/system/cpu/cpuN/topology and
/// /sys/devices/system/node (Documentation/ABI/stable/sysfs-devices-system-cpu, -node).
Topology topology_of(const std::vector<int>& allowed, const MachineFiles& files);

/// The CPUs of the two ends of a load.
struct Sides {
  std::vector<int> server;
  std::vector<int> client;
};

/// Half of the cores each, never one core on both sides: its siblings stay together. The
/// client has the one more of an odd number, unless the border of two nodes is there. The
/// siblings of a lone core are parted, and a lone CPU is on both sides.
Sides halves_of(const Topology& topology);

/// What is left beside `taken`: its own half where that has none of the cores of `taken`,
/// else all cores of which none is taken, else all CPUs that are not, else all.
std::vector<int> beside(const Topology& topology, const std::vector<int>& own_half,
                        const std::vector<int>& taken);

/// "0-2,8" as the kernel writes lists of CPUs, in numbers, ascending. Empty for what is
/// no such list.
std::optional<std::vector<int>> parse_cpu_list(std::string_view text);
/// The reverse.
std::string cpu_list(std::vector<int> cpus);

/// Where server and client run, and what they have in common.
struct Placement {
  struct End {
    std::vector<int> cpus;
    std::size_t cores = 0;   ///< that it has a CPU of
    std::vector<int> nodes;  ///< of memory, that its cores are on, ascending
  };
  End server;
  End client;
  std::vector<int> shared_cpus;                ///< on both sides
  std::vector<std::vector<int>> shared_cores;  ///< with one sibling here, another there
  std::vector<std::vector<int>> cores;         ///< all that there are, for who chooses
  bool is_known = true;                        ///< Topology's
  bool is_given = false;  ///< by options, or by the folder that is gone on with
};
Placement placement_of(const Sides& sides, const Topology& topology);

/// "server on CPUs 0-1 (1 core), client on CPUs 2-3 (1 core); no core is shared". Empty
/// where an end may run anywhere.
std::string placement_text(const Placement& placement);
/// The member "placement" of a manifest's environment (results/README.md).
nlohmann::json placement_json(const Placement& placement);

}  // namespace echolab
