// The status line of a campaign tells what matters most, and never wraps.

#include "bench/status_line.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace echolab {
namespace {

struct Campaign {
  Campaign() {
    set_levels(plan, {256});
    plan.contestants.emplace_back();
    plan.contestants.back().name = "thread_per_client";
    trial.judgement.verdict = Verdict::noisy;
    for (int n = 0; n < 1000; ++n) trial.load.response.record(120'000);
  }

  [[nodiscard]] CampaignProgress now() const {
    return {plan,  85,    273,    81, 270, plan.contestants.front(), plan.levels.front(),
            192.3, &load, nullptr};
  }

  CampaignPlan plan;
  Trial trial;
  LoadProgress load{.phase = "measuring",
                    .connected = 256,
                    .requests = 50'000,
                    .errors = 0,
                    .phase_seconds = 0.25,
                    .phase_share = 0.5};
};

std::size_t width_of(const std::string& line) {
  return static_cast<std::size_t>(std::ranges::count_if(
      line, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

TEST(StatusLine, has_all_where_there_is_room) {
  const Campaign campaign;
  EXPECT_EQ(status_line(campaign.now(), last_trial(campaign.trial), 200),
            "######..............  81/270 (+3)  3:12 left  thread_per_client at 256 "
            "clients  measuring  200k req/s  last NOISY  p50 120 us, p99 120 us");
}

TEST(StatusLine, keeps_the_more_important_where_there_is_little) {
  const Campaign campaign;
  const LastTrial last = last_trial(campaign.trial);
  EXPECT_EQ(status_line(campaign.now(), last, 80),
            "###.......  81/270 (+3)  3:12 left  thread_per_client at 256 clients  200k "
            "req/s");
  EXPECT_EQ(status_line(campaign.now(), last, 79),
            "###.......  81/270 (+3)  3:12 left  thread_per_client at 256 clients");
  EXPECT_EQ(status_line(campaign.now(), last, 30), "81/270 (+3)  3:12 left");
  EXPECT_EQ(status_line(campaign.now(), last, 7), "81/270 ");
}

TEST(StatusLine, is_never_longer_than_its_columns) {
  Campaign campaign;
  campaign.load.errors = 12'345;
  campaign.plan.contestants.front().name = "ein-sehr-langer-Name-für-einen-Server-\n\t";
  for (std::size_t columns = 1; columns < 250; ++columns) {
    const std::string line =
        status_line(campaign.now(), last_trial(campaign.trial), columns);
    EXPECT_LE(width_of(line), columns) << line;
    EXPECT_TRUE(
        std::ranges::none_of(line, [](char c) { return c == '\n' || c == '\t'; }));
  }
}

TEST(StatusLine, says_errors_and_no_rate_where_there_is_none_yet) {
  Campaign campaign;
  campaign.load.errors = 1;
  campaign.load.phase = "connecting";
  const std::string line = status_line(campaign.now(), {}, 200);
  EXPECT_TRUE(line.ends_with("connecting  1 error")) << line;
}

}  // namespace
}  // namespace echolab
