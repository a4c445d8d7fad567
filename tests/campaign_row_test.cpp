// What a campaign writes down, it can read: the plan in the manifest, and each trial.

#include "bench/campaign_row.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <span>

#include "bench/manifest.hpp"
#include "bench/twin.hpp"
#include "clients/error_kinds.hpp"
#include "clients/load_report.hpp"
#include "common/error.hpp"

namespace echolab {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

/// Everything that options can set is not what it is by default.
CampaignPlan unusual_plan() {
  CampaignPlan plan;
  plan.contestants = {model_contestant("iterative"), model_contestant("epoll_level"),
                      external_contestant("mine=./server --port={port}")};
  plan.absent.push_back({model_contestant("thread_pool"), "it is not here"});
  plan.rounds = 5;
  plan.repeats = 1;
  plan.seed = ~std::uint64_t{0};
  plan.start.listen = Endpoint::parse("tcp://127.0.0.2:0");
  plan.start.cpus = {0};
  plan.start.arguments = {"--workers", "33"};
  plan.budget = 77s;
  plan.preset = "custom";
  plan.load.cpus = {1, 2};
  plan.load.is_alone = true;
  plan.load.duration = 123'456'789ns;
  plan.load.warm_up = 7ms;
  plan.load.payload_bytes = 65;
  plan.load.pipeline = 3;
  plan.load.threads = 2;
  plan.load.work = WorkMix{5us, 6us, 0.25, 7us};
  set_levels(plan, {1, 17});
  add_twin(plan);
  plan.thresholds = parse_thresholds({"mine:p99<5ms@17,rate>=1k"}, plan);
  return plan;
}

/// As it comes back from a file.
Json written(const CampaignPlan& plan) {
  return Json::parse(manifest_json(plan, {"echo_compare"}).dump());
}

TEST(Manifest, has_the_whole_plan) {
  const CampaignPlan plan = unusual_plan();
  const CampaignPlan again = plan_of(written(plan));
  Json one = manifest_json(plan, {});
  Json other = manifest_json(again, {});
  for (const char* member : {"experiment", "options", "models", "planned_trials"})
    EXPECT_EQ(one[member], other[member]) << member;
  EXPECT_EQ(again.load.duration, plan.load.duration);
  EXPECT_EQ(again.load.is_alone, plan.load.is_alone);
  EXPECT_EQ(again.experiment, plan.experiment);
  ASSERT_EQ(again.levels.size(), 2U);
  EXPECT_EQ(again.levels[1].load.connections, 17U);
  EXPECT_EQ(start_at(again, again.levels[1]).arguments,
            start_at(plan, plan.levels[1]).arguments);
  EXPECT_EQ(again.start.listen.text(), plan.start.listen.text());
  EXPECT_EQ(again.contestants[2].command, plan.contestants[2].command);
  EXPECT_EQ(again.contestants[3].name, "epoll_level(A/A)");
  EXPECT_EQ(again.contestants[3].twin_of, "epoll_level");
  EXPECT_EQ(texts_of(again.thresholds), texts_of(plan.thresholds));
  EXPECT_EQ(texts_of(again.thresholds),
            (std::vector<std::string>{"mine:p99<5ms@17", "rate>=1k"}));
}

TEST(Manifest, keeps_where_datagrams_are_served) {
  CampaignPlan plan;
  plan.contestants = {model_contestant("udp_iterative")};
  set_levels(plan, {1});
  plan.start.listen_datagrams = Endpoint::parse("udp://127.0.0.2:0");
  EXPECT_EQ(plan_of(written(plan)).start.listen_datagrams.text(), "udp://127.0.0.2:0");
}

TEST(Manifest, is_refused_where_it_does_not_tell_the_plan) {
  const Json whole = written(unusual_plan());
  const Json unknown_model = {{"name", "no_such_model"},
                              {"command", ""},
                              {"endpoint", "tcp://127.0.0.1:0"},
                              {"unavailable_because", nullptr}};
  for (const char* member :
       {"seed", "rounds", "work", "server_cpus", "levels", "models"}) {
    Json less = whole;
    less["options"].erase(member);
    if (std::string_view(member) == "models") less.erase(member);
    EXPECT_THROW((void)plan_of(less), UsageError) << member;
  }
  Json more = whole;
  more["options"]["of_tomorrow"] = 1;
  EXPECT_THROW((void)plan_of(more), UsageError);
  Json other = whole;
  other["models"].push_back(unknown_model);
  EXPECT_THROW((void)plan_of(other), UsageError);
}

TEST(Manifest, is_unlike_another_in_build_and_machine_alone) {
  const Json before = written(unusual_plan());
  Json now = before;
  now["environment"]["load_average"] = {9, 9, 9};
  now["started"] = "later";
  EXPECT_TRUE(unlikeness(before, now).empty());
  now["build"]["commit"] = "abc";
  now["environment"]["sysctl"]["net.core.somaxconn"] = nullptr;
  const auto differences = unlikeness(before, now);
  ASSERT_EQ(differences.size(), 2U);
  EXPECT_TRUE(differences[0].starts_with("build.commit was ")) << differences[0];
  EXPECT_TRUE(differences[0].ends_with(", is abc")) << differences[0];
  EXPECT_TRUE(differences[1].ends_with(", is unknown")) << differences[1];
}

CampaignRow some_row(Verdict verdict) {
  CampaignRow row{1, 1, 3, {}};
  Trial& trial = row.trial;
  trial.load.seconds = 1.25;
  trial.load.requests = 1000;
  trial.load.requests_per_connection.assign(17, 58);
  trial.load.requests_per_connection.back() = 0;
  trial.load.longest_starvation_ns = 1'250'000'000;
  for (int n = 0; n < 1000; ++n) trial.load.response.record(50'000 + 7919 * n);
  trial.server = {1234.5, 0.5, 0.25, 0.125, {3, 4, 5, 6'000'000}, 2'000'000, 54'321};
  trial.connect = ConnectTimes{17, 10'000, 0, 30'000};
  trial.judgement = {verdict, verdict == Verdict::valid ? "" : "for a reason"};
  return row;
}

TEST(CampaignRow, comes_back_as_the_table_needs_it) {
  const CampaignPlan plan = unusual_plan();
  for (const Verdict verdict : {Verdict::valid, Verdict::noisy, Verdict::failed}) {
    CampaignRow row = some_row(verdict);
    if (verdict == Verdict::noisy) row.excluded = "repeated because NOISY";
    const CampaignRow again = row_of(plan, row_json(plan, row, 0).dump());
    EXPECT_EQ(again.contestant, row.contestant);
    EXPECT_EQ(again.round, row.round);
    EXPECT_EQ(again.excluded, row.excluded);
    const auto table = [&](const CampaignRow& one) {
      return campaign_table(plan, {one}, Floor{3000, 5}, {200, false});
    };
    EXPECT_EQ(table(again), table(row));
    if (verdict != Verdict::failed) {
      EXPECT_EQ(again.trial.load.response.max_ns(), row.trial.load.response.max_ns());
    }
  }
}

TEST(CampaignRow, brings_the_figures_of_every_metric_back) {
  CampaignPlan plan = unusual_plan();
  CampaignRow row = some_row(Verdict::valid);
  row.trial.connect->p99_ns = 20'000;
  row.trial.machine = MachineFigures{1.5, 0.5, 4321};
  const CampaignRow again = row_of(plan, row_json(plan, row, 0).dump());
  for (const Metric& metric : metrics()) {
    const LoadPlan& load = plan.levels[1].load;
    const auto figure = metric.of(row.trial, load);
    ASSERT_TRUE(figure || metric.name == "p999_ns") << metric.name;
    EXPECT_EQ(metric.of(again.trial, load), figure) << metric.name;
  }
}

TEST(CampaignRow, brings_the_errors_of_every_kind_back) {
  const CampaignPlan plan = unusual_plan();
  for (const Verdict verdict : {Verdict::valid, Verdict::failed}) {
    CampaignRow row = some_row(verdict);
    std::uint64_t number = 0;
    using Counters = std::span<const ErrorCounter>;
    for (const Counters counters : {Counters(error_ends), Counters(error_kinds)})
      for (const auto& [name, count] : counters) row.trial.load.errors.*count = ++number;
    const Json json = row_json(plan, row, 0);
    EXPECT_EQ(json["errors"]["closed_early"], 4);
    const CampaignRow again = row_of(plan, json.dump());
    EXPECT_EQ(errors_in_words(again.trial.load.errors),
              errors_in_words(row.trial.load.errors));
    Json older = json;
    older.erase("errors");
    EXPECT_EQ(row_of(plan, older.dump()).trial.load.errors.total(), 0U);
  }
}

TEST(CampaignRow, has_no_cpu_of_the_machine_where_an_older_one_has_none) {
  const CampaignPlan plan = unusual_plan();
  Json old = row_json(plan, some_row(Verdict::valid), 0);
  EXPECT_TRUE(old["machine"].is_null());
  EXPECT_EQ(old["load_seed"], plan.seed + 3) << "of the round";
  old.erase("machine");
  old.erase("load_seed");
  const CampaignRow again = row_of(plan, old.dump());
  EXPECT_FALSE(find_metric("machine_cpu_ns").of(again.trial, plan.levels[1].load));
}

TEST(CampaignRow, counts_connections_per_second_where_they_end) {
  CampaignPlan plan = unusual_plan();
  plan.experiment = &find_experiment("churn");
  set_levels(plan, {1, 10});
  const CampaignRow row =
      some_row(Verdict::valid);  // 800 requests per second, at 10 each
  const CampaignRow again = row_of(plan, row_json(plan, row, 0).dump());
  const Metric& metric = find_metric("connections_per_second");
  for (const Trial* trial : {&row.trial, &again.trial}) {
    EXPECT_EQ(metric.of(*trial, plan.levels[1].load), 80.0);
    EXPECT_EQ(metric.of(*trial, plan.levels[0].load), 800.0);
    EXPECT_FALSE(metric.of(*trial, unusual_plan().levels[1].load));
  }
}

TEST(CampaignRow, of_before_does_not_tell_the_longest_starvation) {
  const CampaignPlan plan = unusual_plan();
  Json old = row_json(plan, some_row(Verdict::valid), 0);
  EXPECT_EQ(old["fairness"]["longest_starvation_ns"], 1'250'000'000);
  old["fairness"].erase("longest_starvation_ns");
  const CampaignRow row = row_of(plan, old.dump());
  EXPECT_FALSE(find_metric("starvation_ns").of(row.trial, plan.levels[1].load));
}

TEST(CampaignRow, keeps_the_warnings_and_how_many_of_the_company_failed) {
  CampaignPlan plan = unusual_plan();
  plan.experiment = &find_experiment("idle_crowd");
  set_levels(plan, {0, 100});
  CampaignRow row = some_row(Verdict::valid);
  row.trial.judgement.warnings = {"class idle: 7 of 100 connections failed: reset"};
  row.trial.company_failed = 7;
  const Json json = row_json(plan, row, 0);
  EXPECT_EQ(json["warnings"], Json(row.trial.judgement.warnings));
  EXPECT_EQ(json["company_failed"], 7);
  const CampaignRow old = row_of(plan, json.dump());
  EXPECT_EQ(old.trial.judgement.verdict, Verdict::failed)
      << "newer ones say so themselves";
  EXPECT_EQ(old.trial.judgement.reason, "7 of the silent connections were not held");
  EXPECT_FALSE(find_metric("cpu_ns").of(old.trial, plan.levels[1].load));
  plan.experiment = &find_experiment("bad_company");
  set_levels(plan, {0, 30});
  EXPECT_EQ(row_of(plan, row_json(plan, row, 0).dump()).trial.company_failed, 7U);
  plan.experiment = &find_experiment("scaling");
  set_levels(plan, {1, 17});
  EXPECT_TRUE(row_json(plan, row, 0)["company_failed"].is_null()) << "there is none";
}

TEST(CampaignRow, is_refused_when_it_is_none_or_has_no_place_in_the_plan) {
  const CampaignPlan plan = unusual_plan();
  const Json good = row_json(plan, some_row(Verdict::valid), 0);
  EXPECT_NO_THROW((void)row_of(plan, good.dump()));
  EXPECT_THROW((void)row_of(plan, good.dump().substr(0, 100)), UsageError);
  for (const auto& [member, value] : std::initializer_list<std::pair<const char*, Json>>{
           {"model", "select_loop"},
           {"at", 18},
           {"round", 5},
           {"verdict", "FINE"},
           {"histogram", Json::array({Json::array({1, 2})})},
           {"server", nullptr}}) {
    Json bad = good;
    bad[member] = value;
    EXPECT_THROW((void)row_of(plan, bad.dump()), UsageError) << member;
  }
}

}  // namespace
}  // namespace echolab
