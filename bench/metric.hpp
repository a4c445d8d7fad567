// Metric: one figure of a trial, and what to call it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/trial.hpp"

namespace echolab {

/// What an experiment is decided by. All are above 0.
struct Metric {
  std::string_view name;   ///< as manifests and the report have it: "cpu_ns"
  std::string_view head;   ///< of a column: "CPU/req"
  std::string_view words;  ///< in a sentence: "server CPU per request"
  bool more_is_better;
  /// Of one trial under its load; empty where it has none.
  std::optional<double> (*of)(const Trial& trial, const LoadPlan& load);
  std::string (*shown)(double figure);
};

/// cpu_ns, rate, p50_ns, p90_ns, p99_ns, pss_per_client, connect_p99_ns,
/// cpu_ns_per_connection, connections_per_second. Throws std::out_of_range for another
/// name.
const Metric& find_metric(std::string_view name);

/// Connections of a load, its company included.
std::size_t connections_of(const LoadPlan& load);

}  // namespace echolab
