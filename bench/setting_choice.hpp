// Which setting of a knob is used, from what each came to, round by round.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bench/campaign.hpp"

namespace echolab {

/// What a setting came to.
struct SettingFigures {
  std::string text;                          ///< "--workers 16"
  std::map<std::uint64_t, double> by_round;  ///< of the metric
  double starved = 0;                        ///< clients without a reply, median
  std::size_t failed = 0;                    ///< trials FAILED or CORRUPT

  [[nodiscard]] double median() const;
};

struct SettingChoice {
  std::size_t setting = 0;
  Range ratio;      ///< of what was best to the default, by round; n is 0 without one
  std::string why;  ///< "6.1 times the req/s [5.9 to 6.3]"
};

/// The best median; the first, which is the default, unless the best is better by more
/// than 2 % and in all that the ratios by round range over. One with a failed trial, or
/// that leaves clients without a reply, is not taken while there is another; where all
/// leave some, none that leaves more than the default, for who serves fewer may be cheap.
SettingChoice choose_setting(const std::vector<SettingFigures>& settings,
                             const Metric& metric);

}  // namespace echolab
