// MachineUse: what all CPUs of the machine have done, and what of it this program did.
#pragma once

#include <chrono>
#include <iosfwd>
#include <optional>

namespace echolab {

/// Totals; two of them make a rate.
struct MachineUse {
  std::chrono::steady_clock::time_point read{};
  std::optional<double> busy_seconds{};  ///< since boot, in ticks; empty: not told
  double own_seconds = 0;                ///< of this program, all its threads

  /// Cores that were busy from `before` to this; empty where it is not told.
  [[nodiscard]] std::optional<double> busy_cores(const MachineUse& before) const;
  [[nodiscard]] double own_cores(const MachineUse& before) const;
};
MachineUse machine_use();

/// Of /proc/stat's first line, in ticks: user, nice, system, irq and softirq. Not idle,
/// iowait, which is idle as well, and steal, which others had; guests are in user and
/// nice (proc_stat(5)). Empty when that is no such line.
std::optional<double> busy_ticks_in(std::istream& stat);

}  // namespace echolab
