// Witness: looks at a server from outside before, in and after the window of a load.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bench/census.hpp"
#include "bench/machine_use.hpp"
#include "bench/process_tree.hpp"
#include "bench/series.hpp"
#include "bench/trial.hpp"
#include "clients/load.hpp"

namespace echolab {

class Witness {
 public:
  /// The server is ready, and nobody has come yet. `census`: what it is held to; empty:
  /// to none.
  Witness(pid_t root, Nanoseconds interval,
          const std::optional<DeclaredCensus>& census = {});

  /// Of a load that ends before this object does.
  [[nodiscard]] LoadEvents events(
      const std::function<void(const LoadProgress&)>& progress);

  /// After the load, whose result is in `trial`.
  void tell(Trial& trial) const;

  /// At the window's end: how its processes and threads contradict its row of models.def,
  /// in words; empty: they do not.
  [[nodiscard]] const std::string& contradiction() const { return contradiction_; }
  /// Connections of the load that had failed by then.
  [[nodiscard]] std::uint64_t failures() const { return failures_; }

 private:
  static constexpr std::size_t shares_told = 64;

  void begin();
  void end();
  void hold_census();

  const pid_t root_;
  const Nanoseconds interval_;
  std::uint64_t idle_pss_ = 0;
  std::uint64_t idle_kernel_ = 0;
  std::uint64_t busy_kernel_ = 0;
  std::set<std::string> idle_sockets_;
  double stolen_ = 0;
  TreeUse before_;
  TreeUse after_;
  TreeSize size_;
  std::map<pid_t, double> threads_before_;
  std::map<pid_t, double> threads_after_;
  std::optional<std::vector<std::uint64_t>> connections_;
  std::optional<Series> series_;
  std::uint64_t errors_ = 0;
  const std::optional<DeclaredCensus> census_;
  std::uint64_t greeted_ = 0;  ///< clients that had a reply before the load began
  std::string contradiction_;
  std::uint64_t failures_ = 0;
  MachineUse machine_before_;
  MachineUse machine_after_;
};

}  // namespace echolab
