// What people see of a campaign before and while it runs.
#pragma once

#include <chrono>
#include <cstdio>

#include "bench/campaign.hpp"

namespace echolab {

/// Question, size, length, loads and what is missing.
void describe(const CampaignPlan& plan, std::FILE* out);

/// A live line on a terminal, a line per trial elsewhere; on stderr.
class CampaignDisplay {
 public:
  explicit CampaignDisplay(bool quiet);
  void show(const CampaignProgress& now);
  /// Before anything else is written.
  void clear() const;

 private:
  void show_live(const CampaignProgress& now);

  bool quiet_;
  bool live_;
  std::size_t name_width_ = 20;  ///< of the names so far: settings have long ones
  std::chrono::steady_clock::time_point shown_{};
};

}  // namespace echolab
