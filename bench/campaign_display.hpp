// What people see of a campaign before and while it runs.
#pragma once

#include <chrono>
#include <cstdio>
#include <stop_token>
#include <string>

#include "bench/campaign.hpp"
#include "bench/status_line.hpp"

namespace echolab {

/// Question, size, length, loads and what is missing.
void describe(const CampaignPlan& plan, std::FILE* out);

/// How much is told of each trial.
struct Telling {
  bool quiet = false;  ///< nothing at all
  /// 1: a line on what came of it, its percentiles, CPU time and the verdict's reason;
  /// 2: how its server was started, too.
  int detail = 0;
};

/// A live line on a terminal, a line per trial elsewhere; on stderr.
class CampaignDisplay {
 public:
  /// `stop` has asked the campaign to end: that is told, once.
  CampaignDisplay(Telling telling, std::stop_token stop);
  void show(const CampaignProgress& now);
  /// A line of its own, above the live one.
  void say(const std::string& words);
  /// Before anything else is written.
  void clear() const;

 private:
  void show_live(const CampaignProgress& now);
  void tell(const CampaignProgress& now);

  Telling telling_;
  std::stop_token stop_;
  bool live_;
  bool has_told_stop_ = false;
  std::size_t name_width_ = 20;  ///< of the names so far: settings have long ones
  LastTrial last_;
  std::chrono::steady_clock::time_point shown_{};
};

}  // namespace echolab
