// What a machine is and is set to, where that decides what it measures.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/machine_files.hpp"

namespace echolab {

// Each is empty where the kernel does not tell, as a virtual one often does not.

/// Who made the virtual machine; "unknown" where it does not say, empty on a real one.
std::optional<std::string> hypervisor(const MachineFiles& files);

/// Of cpufreq; "performance, powersave" where CPUs differ.
std::optional<std::string> governor(const MachineFiles& files,
                                    const std::vector<int>& cpus);
/// The clock may rise above the nominal one while few cores are busy and cool.
std::optional<bool> turbo_is_on(const MachineFiles& files);
/// What switches it off.
std::string turbo_remedy(const MachineFiles& files);
/// Of one CPU, at most, in MHz.
std::optional<std::uint64_t> max_mhz(const MachineFiles& files, int cpu);
/// Of one CPU at this moment; of the first one where cpufreq does not tell.
std::optional<std::uint64_t> mhz_now(const MachineFiles& files, int cpu);
std::optional<bool> smt_is_active(const MachineFiles& files);

/// How often CPUs clocked themselves down since boot, for they were too hot: of all cores
/// together, and of the package that did so most (thermal_throttle, Intel's alone).
std::optional<std::uint64_t> throttle_count(const MachineFiles& files);

/// Of all CPUs since boot (/proc/stat).
struct CpuTime {
  double stolen_seconds = 0;
  double stolen_share = 0;  ///< of the time in which anybody wanted a CPU
};
std::optional<CpuTime> cpu_time(const MachineFiles& files);

/// Of the last minute, five and fifteen; three numbers.
std::optional<std::vector<double>> load_average(const MachineFiles& files);

/// net.core.somaxconn and its like: a whole number.
std::optional<std::uint64_t> sysctl_number(const MachineFiles& files,
                                           const std::string& name);
/// The whole line.
std::optional<std::string> sysctl(const MachineFiles& files, std::string name);
/// How many ports connect() has to choose from (ip_local_port_range: ip(7)).
std::optional<std::uint64_t> ephemeral_ports(const MachineFiles& files);

}  // namespace echolab
