#include "bench/machine_use.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <fstream>
#include <istream>
#include <string>

namespace echolab {
namespace {

double seconds_between(const MachineUse& before, const MachineUse& after) {
  return std::max(1e-9, std::chrono::duration<double>(after.read - before.read).count());
}

}  // namespace

std::optional<double> MachineUse::busy_cores(const MachineUse& before) const {
  if (!busy_seconds || !before.busy_seconds) return std::nullopt;
  return (*busy_seconds - *before.busy_seconds) / seconds_between(before, *this);
}

double MachineUse::own_cores(const MachineUse& before) const {
  return (own_seconds - before.own_seconds) / seconds_between(before, *this);
}

std::optional<double> busy_ticks_in(std::istream& stat) {
  std::string name;
  std::array<double, 7> ticks{};  // user nice system idle iowait irq softirq
  stat >> name;
  for (double& column : ticks) stat >> column;
  if (!stat || name != "cpu") return std::nullopt;
  return ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6];
}

MachineUse machine_use() {
  MachineUse use;
  std::ifstream stat("/proc/stat");
  use.read = std::chrono::steady_clock::now();
  if (const auto ticks = busy_ticks_in(stat))
    use.busy_seconds = *ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
  timespec own{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
  use.own_seconds =
      static_cast<double>(own.tv_sec) + static_cast<double>(own.tv_nsec) / 1e9;
  return use;
}

}  // namespace echolab
