// Capacity: what a server answers in a closed loop. What a campaign offers may be a share
// of it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace echolab {

struct Capacity {
  struct Trial {
    double requests_per_second = 0;
    std::string verdict{};
  };
  /// Of one load.
  struct Part {
    double at = 0;       ///< its level
    std::string name{};  ///< "256 clients"
    std::string model{};
    double requests_per_second = 0;  ///< the median of its trials
    std::vector<Trial> trials{};     ///< that gave figures
  };
  std::vector<Part> parts{};  ///< one for each level, or one for all; not empty
  std::uint64_t rounds = 0;
  double seconds = 0;  ///< that it took

  /// What the arrivals at this level are a share of.
  [[nodiscard]] const Part& at(double level) const {
    const auto found = std::ranges::find(parts, level, &Part::at);
    return found == parts.end() ? parts.back() : *found;
  }
};

}  // namespace echolab
