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

#include "bench/process_tree.hpp"
#include "bench/series.hpp"
#include "bench/trial.hpp"
#include "clients/load.hpp"

namespace echolab {

class Witness {
 public:
  /// The server is ready, and nobody has come yet.
  Witness(pid_t root, Nanoseconds interval);

  /// Of a load that ends before this object does.
  [[nodiscard]] LoadEvents events(
      const std::function<void(const LoadProgress&)>& progress);

  /// After the load, whose result is in `trial`.
  void tell(Trial& trial) const;

 private:
  static constexpr std::size_t shares_told = 64;

  void begin();
  void end();

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
};

}  // namespace echolab
