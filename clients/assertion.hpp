// --assert: what a load has to keep for the program to end with 0.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "clients/latency_promise.hpp"
#include "clients/load.hpp"
#include "common/error.hpp"

namespace CLI {
class App;
}

namespace echolab {

/// A promise of response times held against one result, of which requests without any
/// reply are a part.
class Assertion {
 public:
  /// Adds --assert.
  static void add_option(CLI::App& parser, std::string& text);
  /// Empty without a text. Throws UsageError for what is no promise, and for what has no
  /// load of its own to hold it against (--search, --merge, --calibrate …).
  static std::optional<LatencyPromise> parse(const std::string& text,
                                             const CLI::App& parser);

  Assertion(LatencyPromise promise, const LoadResult& result);

  /// [{"promise": "p99<2ms", "limit_ns", "figure_ns" (null: n too small, or no reply at
  /// all reaches it), "state": "kept", "broken", "too few"}]
  [[nodiscard]] nlohmann::json json() const;
  /// A line of load_table for each clause, with kept_mark().
  [[nodiscard]] std::string lines() const;
  /// 9 unless all is kept; the verdict's own where there is no figure to hold it against,
  /// or where all is kept.
  [[nodiscard]] ExitCode exit_code(Verdict verdict) const;

 private:
  LatencyPromise promise_;
  std::vector<std::optional<double>> figures_ns_;
};

}  // namespace echolab
