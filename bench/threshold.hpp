// Threshold: what a campaign has to keep, or it ends with 9 (--assert).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "bench/metric.hpp"

namespace echolab {

struct CampaignPlan;

/// A limit for the median of a metric over the rounds.
struct Threshold {
  std::string text;    ///< as it was given, without blanks: "epoll_level:p99<5ms@64"
  std::string clause;  ///< "p99<5ms"
  std::string model;   ///< empty: each contestant
  const Metric* metric = nullptr;
  std::string sign;                    ///< "<", "<=", ">" or ">="
  double limit = 0;                    ///< in the unit of the metric: ns, bytes
  std::optional<std::size_t> level{};  ///< of the plan; empty: each

  [[nodiscard]] bool is_upper() const { return sign.front() == '<'; }
  [[nodiscard]] bool is_kept_by(double figure) const;
};

/// [MODEL:]METRIC SIGN VALUE[@LEVEL], comma-separated in each of the texts. A model is a
/// contestant of the plan, or one that is not available here; a level is one of the
/// plan's, typed as for --at or, of clients, "c=64". Throws UsageError that begins with
/// --assert and names the nearest that there is.
std::vector<Threshold> parse_thresholds(const std::vector<std::string>& texts,
                                        const CampaignPlan& plan);

/// As they were given.
std::vector<std::string> texts_of(const std::vector<Threshold>& thresholds);

}  // namespace echolab
