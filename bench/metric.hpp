// Metric: one figure of a trial, and what to call it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/trial.hpp"

namespace echolab {

/// What an experiment is decided by, a table is sorted by, a limit is set for. Where one
/// is the headline, it is above 0.
struct Metric {
  std::string_view name;   ///< as manifests and the report have it: "cpu_ns"
  std::string_view head;   ///< of a column: "CPU/req"
  std::string_view words;  ///< in a sentence: "server CPU per request"
  bool more_is_better;
  /// Of one trial under its load; empty where it has none.
  std::optional<double> (*of)(const Trial& trial, const LoadPlan& load);
  std::string (*shown)(double figure);
};

/// All, in the order in which they are listed.
std::span<const Metric> metrics();

/// By its name alone. Throws std::out_of_range for another one.
const Metric& find_metric(std::string_view name);

/// As people type it: by name, with or without its "_ns", or by head: "p999_ns", "p999",
/// "p99.9". Throws UsageError that names `option` and the nearest that there is.
const Metric& metric_called(std::string_view option, std::string_view given);

/// Of all: the names without "_ns".
std::vector<std::string> metric_words();

/// What a figure counts, and so how a limit for it is typed: "5ms", "4KiB", "10k", "1.5".
enum class MetricKind { time, bytes, count, number };
MetricKind kind_of(const Metric& metric);

/// Of the response time that it is; empty for what is none.
std::optional<double> quantile_of(const Metric& metric);

/// Connections of a load, its company included.
std::size_t connections_of(const LoadPlan& load);

}  // namespace echolab
