// A campaign of GETs asks for what it says, leaves out what cannot be, and tells both.

#include "bench/http_campaign.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "bench/campaign_ceiling.hpp"
#include "bench/campaign_row.hpp"
#include "bench/experiment_levels.hpp"
#include "bench/knob.hpp"
#include "bench/manifest.hpp"
#include "bench/twin.hpp"
#include "common/error.hpp"

namespace echolab {
namespace {

using Texts = std::vector<std::string>;

CampaignPlan campaign_of(std::string_view experiment, const std::vector<double>& levels) {
  CampaignPlan plan;
  plan.experiment = &find_experiment(experiment);
  plan.load.http = HttpAsk{"/a.html"};
  plan.load.payload_bytes = 0;
  plan.contestants = {model_contestant("epoll_level"), model_contestant("iterative"),
                      external_contestant("nginx=nginx.sh {port}")};
  set_levels(plan, levels);
  add_twin(plan);
  add_ceiling(plan);
  return plan;
}

/// Trials whose GETs brought so many bytes, one of each of the contestants.
std::vector<CampaignRow> rows_of(const std::vector<std::uint64_t>& bytes) {
  std::vector<CampaignRow> rows;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    Trial trial;
    trial.load.seconds = 1;
    trial.load.requests = 1000;
    trial.load.reply_bytes = bytes[i];
    trial.load.response.record(50'000);
    rows.push_back({i, 0, 0, std::move(trial)});
  }
  return rows;
}

TEST(HttpCampaign, StartsModelsThatSpeakItAndAsksEverybodyForThePath) {
  const CampaignPlan plan = campaign_of("idle_crowd", {0, 10});
  const Start start = start_at(plan, plan.levels[1]);
  EXPECT_EQ(start.http_get, "/a.html");
  EXPECT_FALSE(start.work);
  const auto at = std::ranges::find(start.arguments, "--protocol");
  ASSERT_LT(at, start.arguments.end() - 1);
  EXPECT_EQ(*(at + 1), "http");
  EXPECT_EQ(std::ranges::count(start.arguments, "--max-work"), 0);
  for (const Contestant& one : plan.contestants)
    EXPECT_EQ(load_of(one, plan.levels[1]).http->get, "/a.html") << one.name;
  EXPECT_EQ(plan.levels[1].load.company.at(0).http->get, "/a.html");
}

TEST(HttpCampaign, HasSlowReadersWithMuchToRead) {
  const CampaignPlan plan = campaign_of("bad_company", {9});
  const auto& company = plan.levels[0].load.company;
  const auto slow = std::ranges::find(company, "slow-reader", &LoadPlan::name);
  ASSERT_NE(slow, company.end());
  EXPECT_EQ(slow->payload_bytes, 0U);
  EXPECT_GE(slow->pipeline, 1000U);
}

TEST(HttpCampaign, LeavesOutWhatGoesOverDatagrams) {
  CampaignPlan plan = campaign_of("transports", {0, 2, 3, 4});
  EXPECT_EQ(leave_out_datagrams(plan),
            (Texts{"left out, as HTTP needs a stream: UDP",
                   "left out, as HTTP needs a stream: Unix datagram sockets"}));
  ASSERT_EQ(plan.levels.size(), 2U);
  EXPECT_EQ(plan.levels[1].at, 2);
  CampaignPlan nothing = campaign_of("transports", {3});
  EXPECT_THROW((void)leave_out_datagrams(nothing), UsageError);
  CampaignPlan echo = campaign_of("transports", {0, 3});
  echo.load.http.reset();
  EXPECT_EQ(leave_out_datagrams(echo), Texts());
  EXPECT_EQ(echo.levels.size(), 2U);
  EXPECT_TRUE(speaks_no_http(plan.load, find_model("udp_batched")));
  EXPECT_FALSE(speaks_no_http(plan.load, find_model("epoll_level")));
  EXPECT_FALSE(speaks_no_http(echo.load, find_model("udp_batched")));
}

TEST(HttpCampaign, SaysHowManyBytesAGetBroughtAndFromWhomOthers) {
  const CampaignPlan plan = campaign_of("scaling", {1});
  EXPECT_EQ(replies_in_words(plan, {}), "");
  EXPECT_EQ(replies_in_words(plan, rows_of({74, 74, 74, 74, 74})),
            "Each GET of /a.html brought 74 B.");
  auto rows = rows_of({74, 74, 612, 612, 74});  // the fourth is a twin
  const std::string unlike = replies_in_words(plan, rows);
  EXPECT_EQ(unlike.find("A GET of /a.html brought 74 B from epoll_level, iterative, "
                        "null_responder; 612 B from nginx: who sends more"),
            0U)
      << unlike;
  rows[2].trial.judgement.verdict = Verdict::corrupt;
  EXPECT_EQ(replies_in_words(plan, rows), "Each GET of /a.html brought 74 B.");
  CampaignPlan echo = plan;
  echo.load.http.reset();
  EXPECT_EQ(replies_in_words(echo, rows), "");
}

TEST(HttpCampaign, HasWordsForItsRequests) {
  EXPECT_EQ(requests_text(campaign_of("scaling", {1}).load),
            "GETs of /a.html over HTTP/1.1");
  EXPECT_EQ(requests_text(LoadPlan()), "64 B requests");
}

TEST(HttpCampaign, ComesBackFromItsManifestAndItsRows) {
  const CampaignPlan plan = campaign_of("churn", {1, 10});
  const auto manifest = nlohmann::json::parse(manifest_json(plan, {}).dump());
  EXPECT_EQ(manifest["options"]["protocol"], "http");
  EXPECT_EQ(manifest["options"]["http"]["get"], "/a.html");
  const CampaignPlan again = plan_of(manifest);
  ASSERT_TRUE(again.load.http);
  EXPECT_EQ(again.levels[1].load.http->get, "/a.html");
  EXPECT_EQ(again.load.payload_bytes, 0U);
  auto rows = rows_of({612});
  const auto row = row_json(plan, rows[0], 0);
  EXPECT_EQ(row["reply_body_bytes"], 612);
  EXPECT_EQ(row_of(again, row.dump()).trial.load.reply_bytes, 612U);
  rows[0].trial.judgement.verdict = Verdict::failed;
  EXPECT_TRUE(row_json(plan, rows[0], 0)["reply_body_bytes"].is_null());
}

TEST(HttpCampaign, OfAFolderThatKnewNoHttpIsNone) {
  CampaignPlan plan = campaign_of("scaling", {1});
  plan.load.http.reset();
  auto manifest = nlohmann::json::parse(manifest_json(plan, {}).dump());
  EXPECT_TRUE(manifest["options"]["http"].is_null());
  manifest["options"].erase("http");
  EXPECT_FALSE(plan_of(manifest).load.http);
}

TEST(HttpCampaign, TunesNoBufferThatIsTooSmallForTheHead) {
  CampaignPlan plan = campaign_of("scaling", {1});
  const auto least = [&] {
    const auto knob =
        buffer_knob(find_model("epoll_level"), plan, plan.levels.back().load);
    return knob->settings.at(1).text;
  };
  EXPECT_EQ(least(), "4 KiB");
  plan.levels.back().load.http->get = "/" + std::string(2500, 'a');
  EXPECT_EQ(least(), "64 KiB");  // 16 are the default
}

}  // namespace
}  // namespace echolab
