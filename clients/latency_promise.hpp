// What a service promises of its response times, such as "p99<2ms", and whether it holds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "clients/histogram.hpp"
#include "common/units.hpp"

namespace echolab {

enum class PromiseState {
  kept,
  broken,
  too_few  ///< responses, to tell a quantile (Histogram::quantile_ns)
};

/// One figure and the time that it stays below.
struct PromiseClause {
  std::string figure;              ///< "p50", "p90", "p99", "p99.9", "max" or "mean"
  std::optional<double> quantile;  ///< max: 1; empty: the mean
  Nanoseconds limit{0};

  [[nodiscard]] std::string text() const;  ///< "p99<2ms"
  /// `ns` as figures_ns() has it.
  [[nodiscard]] PromiseState state(const std::optional<double>& ns) const;
};

/// Clauses that are to hold together.
class LatencyPromise {
 public:
  /// "p99<2ms,max<50ms": each figure once; limits from 1 us to 1 min. Throws UsageError
  /// naming `option` and what is wrong.
  static LatencyPromise parse(const std::string& option, const std::string& text);

  [[nodiscard]] const std::vector<PromiseClause>& clauses() const { return clauses_; }
  [[nodiscard]] std::string text() const;
  /// How many responses it takes to tell: 368 for a p99, 100 at least.
  [[nodiscard]] std::uint64_t samples() const;
  /// Whether a longer look sees more of what it forbids.
  [[nodiscard]] bool is_of_max() const;

  /// Each clause's figure in ns, empty where too few support it. A request that had no
  /// response at all (dropped, a lost datagram) is slower than all that had one: it makes
  /// the figures that it reaches infinite, and the mean always.
  [[nodiscard]] std::vector<std::optional<double>> figures_ns(
      const Histogram& response, std::uint64_t unanswered = 0) const;
  /// Broken where one clause surely is.
  [[nodiscard]] PromiseState state(
      const std::vector<std::optional<double>>& figures_ns) const;

 private:
  std::vector<PromiseClause> clauses_;
};

/// "1.21 ms"; "n too small" where it is empty, "no reply" where it is infinite.
std::string shown_figure(const std::optional<double>& ns);

}  // namespace echolab
