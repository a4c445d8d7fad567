// The client's ceiling: kept for the same load on the same machine, and judged by.

#include "clients/ceiling.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <thread>

#include "clients/calibration.hpp"
#include "clients/ceiling_file.hpp"
#include "clients/load_report.hpp"
#include "common/error.hpp"

namespace echolab {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using Cpus = std::vector<int>;

Ceiling ceiling_of(double requests_per_second) {
  return {.requests_per_second = requests_per_second,
          .least = requests_per_second / 2,
          .most = requests_per_second * 2,
          .n = 3,
          .made = "2026-11-20T21:45:03Z"};
}

class KeptCeilings : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = fs::temp_directory_path() / "echolab-test-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  [[nodiscard]] fs::path path() const { return folder_ / "cache/calibration.json"; }
  [[nodiscard]] CeilingFile file() const { return CeilingFile(path()); }
  void write(const std::string& text) const {
    fs::create_directories(path().parent_path());
    std::ofstream(path()) << text;
  }

  fs::path folder_;
};

TEST_F(KeptCeilings, are_found_by_their_key_as_they_were) {
  const json key = ceiling_key(LoadPlan());
  EXPECT_EQ(file().find(key), std::nullopt);
  file().keep(key, ceiling_of(123'456.5));
  EXPECT_EQ(file().find(key), ceiling_of(123'456.5));
}

TEST_F(KeptCeilings, of_the_same_key_are_replaced) {
  const json key = ceiling_key(LoadPlan());
  file().keep(key, ceiling_of(1));
  file().keep(key, ceiling_of(2));
  EXPECT_EQ(file().find(key), ceiling_of(2));
  EXPECT_EQ(json::parse(std::ifstream(path())).at("entries").size(), 1u);
}

TEST_F(KeptCeilings, hold_for_no_load_of_another_shape) {
  const std::vector<std::function<void(LoadPlan&)>> changes = {
      [](LoadPlan& plan) { plan.payload_bytes = 65; },
      [](LoadPlan& plan) { plan.connections = 17; },
      [](LoadPlan& plan) { plan.threads = 2; },
      [](LoadPlan& plan) { plan.cpus = {0}; },
      [](LoadPlan& plan) { plan.pipeline = 2; },
      [](LoadPlan& plan) { plan.work.emplace(); },
      [](LoadPlan& plan) { plan.http.emplace(); },
      [](LoadPlan& plan) { plan.http = HttpAsk{.get = "/"}; },
      [](LoadPlan& plan) { plan.server = Endpoint::parse("tcp://[::1]:7007"); },
      [](LoadPlan& plan) { plan.server = Endpoint::parse("unix:///a"); },
      [](LoadPlan& plan) { plan.server = Endpoint::parse("unixgram:///a"); },
      [](LoadPlan& plan) { plan.server = Endpoint::parse("udp://127.0.0.1:7007"); }};
  file().keep(ceiling_key(LoadPlan()), ceiling_of(1));
  for (const auto& change : changes) {
    LoadPlan other;
    change(other);
    EXPECT_EQ(file().find(ceiling_key(other)), std::nullopt) << ceiling_key(other);
  }
}

TEST_F(KeptCeilings, hold_for_another_port_duration_and_seed) {
  LoadPlan other;
  other.server = Endpoint::parse("tcp://127.0.0.1:9");
  other.duration = std::chrono::seconds(3);
  other.seed = 99;
  EXPECT_EQ(ceiling_key(other), ceiling_key(LoadPlan()));
}

TEST_F(KeptCeilings, of_a_broken_file_are_none_which_is_said_and_mended) {
  const json key = ceiling_key(LoadPlan());
  file().keep(key, ceiling_of(1));
  const json good = json::parse(std::ifstream(path()));
  std::vector<std::string> broken = {"",
                                     "{",
                                     "[]",
                                     "\xff\xfe",
                                     "{\"schema_version\": 2, \"entries\": []}",
                                     good.dump().substr(0, good.dump().size() / 2),
                                     std::string((4 << 20) + 1, ' ')};
  for (const char* rate : {"0", "-1", "\"1\"", "null", "1e999"}) {
    std::string text = good.dump();
    const std::string was = "\"requests_per_second\":1.0";
    text.replace(text.find(was), was.size(),
                 "\"requests_per_second\":" + std::string(rate));
    broken.push_back(text);
  }
  for (const std::string& text : broken) {
    SCOPED_TRACE(text.substr(0, 200));
    write(text);
    testing::internal::CaptureStderr();
    EXPECT_EQ(file().find(key), std::nullopt);
    EXPECT_NE(testing::internal::GetCapturedStderr().find(path().string()),
              std::string::npos);
    testing::internal::CaptureStderr();
    file().keep(key, ceiling_of(2));
    testing::internal::GetCapturedStderr();
    EXPECT_EQ(file().find(key), ceiling_of(2));
  }
}

TEST_F(KeptCeilings, are_a_thousand_at_most_and_the_oldest_go) {
  json rows = json::array();
  for (int i = 0; i < 1'000; ++i)
    rows.push_back({{"key", i}, {"ceiling", ceiling_json(ceiling_of(1))}});
  write(json{{"schema_version", 1}, {"entries", rows}}.dump());
  file().keep("new", ceiling_of(2));
  EXPECT_EQ(file().find(0), std::nullopt);
  EXPECT_EQ(file().find(1), ceiling_of(1));
  EXPECT_EQ(file().find("new"), ceiling_of(2));
}

TEST_F(KeptCeilings, are_not_lost_when_many_keep_at_once) {
  constexpr int many = 16;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < many; ++i)
      threads.emplace_back([this, i] { file().keep(i, ceiling_of(i + 1)); });
  }
  for (int i = 0; i < many; ++i) EXPECT_EQ(file().find(i), ceiling_of(i + 1));
}

TEST_F(KeptCeilings, that_cannot_be_written_are_a_failure_that_names_the_place) {
  std::ofstream(folder_ / "cache") << "no folder";
  try {
    file().keep("key", ceiling_of(1));
    ADD_FAILURE() << "kept in a file";
  } catch (const Failure& failure) {
    EXPECT_NE(std::string(failure.what()).find((folder_ / "cache").string()),
              std::string::npos);
  }
}

/// Sets a variable, or unsets it, until the end of this object.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    set(value);
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;
  ~Variable() { set(before_ ? before_->c_str() : nullptr); }

 private:
  void set(const char* value) const {
    value == nullptr ? ::unsetenv(name_) : ::setenv(name_, value, 1);
  }

  const char* name_;
  std::optional<std::string> before_;
};

TEST(CeilingPath, is_in_the_cache_folder_or_below_home_or_nowhere) {
  const Variable home("HOME", "/h");
  const auto path = [](const char* cache) {
    const Variable variable("XDG_CACHE_HOME", cache);
    return ceiling_path();
  };
  EXPECT_EQ(path("/c"), "/c/echolab/calibration.json");
  for (const char* none : {static_cast<const char*>(nullptr), "", "relative"})
    EXPECT_EQ(path(none), "/h/.cache/echolab/calibration.json");
  for (const char* none : {static_cast<const char*>(nullptr), ""}) {
    const Variable no_home("HOME", none);
    EXPECT_EQ(path(nullptr), std::nullopt);
    EXPECT_EQ(path("/c"), "/c/echolab/calibration.json");
  }
}

/// Of a run without fault whose client had time to spare.
LoadResult run_at(double requests_per_second, std::optional<Ceiling> ceiling) {
  LoadResult result;
  result.seconds = 1;
  result.requests = static_cast<std::uint64_t>(requests_per_second);
  result.connected = 16;
  result.client_cpu_ns = 1e8;
  result.ceiling = std::move(ceiling);
  return result;
}

TEST(JudgedByTheCeiling, a_run_above_85_percent_is_client_bound) {
  const Judgement judgement = judge({}, run_at(860, ceiling_of(1'000)));
  EXPECT_EQ(judgement.verdict, Verdict::client_bound);
  EXPECT_NE(judgement.reason.find("86 %"), std::string::npos) << judgement.reason;
  EXPECT_NE(judgement.reason.find("1.00k requests/s"), std::string::npos);
  EXPECT_EQ(judgement.reason.find("too low"), std::string::npos);
}

TEST(JudgedByTheCeiling, a_run_above_the_ceiling_says_that_it_was_measured_too_low) {
  const Judgement judgement = judge({}, run_at(1'100, ceiling_of(1'000)));
  EXPECT_EQ(judgement.verdict, Verdict::client_bound);
  EXPECT_NE(judgement.reason.find("too low"), std::string::npos) << judgement.reason;
}

TEST(JudgedByTheCeiling, a_run_above_70_percent_is_valid_with_a_warning) {
  for (const double rate : {710.0, 850.0}) {
    const Judgement judgement = judge({}, run_at(rate, ceiling_of(1'000)));
    EXPECT_EQ(judgement.verdict, Verdict::valid);
    ASSERT_EQ(judgement.warnings.size(), 1u);
  }
  EXPECT_NE(load_table({}, run_at(710, ceiling_of(1'000)))
                .find("warning        the run reached"),
            std::string::npos);
}

TEST(JudgedByTheCeiling, a_slower_run_or_one_without_a_ceiling_has_no_warning) {
  EXPECT_TRUE(judge({}, run_at(700, ceiling_of(1'000))).warnings.empty());
  EXPECT_TRUE(judge({}, run_at(900, std::nullopt)).warnings.empty());
  EXPECT_EQ(judge({}, run_at(900, std::nullopt)).verdict, Verdict::valid);
}

TEST(JudgedByTheCeiling, a_run_without_one_is_told_how_to_get_it) {
  EXPECT_NE(load_table({}, run_at(900, std::nullopt)).find("--calibrate"),
            std::string::npos);
  EXPECT_NE(load_table({}, run_at(450, ceiling_of(1'000))).find("(this run: 45 %)"),
            std::string::npos);
  EXPECT_TRUE(ceiling_json(std::nullopt, 900).is_null());
  EXPECT_EQ(ceiling_json(ceiling_of(1'000), 450).at("share"), 0.45);
}

TEST(CpusOfACalibration, are_apart_where_there_is_more_than_one) {
  const Calibration both = share_out({2, 3, 7}, {});
  EXPECT_EQ(both.client_cpus, (Cpus{2, 3}));
  EXPECT_EQ(both.responder_cpus, Cpus{7});
  EXPECT_FALSE(both.shared);
}

TEST(CpusOfACalibration, leave_the_client_those_of_its_plan) {
  const Calibration both = share_out({0, 1, 2}, {2});
  EXPECT_EQ(both.client_cpus, Cpus{2});
  EXPECT_EQ(both.responder_cpus, Cpus{1});
  EXPECT_FALSE(both.shared);
}

TEST(CpusOfACalibration, are_shared_where_none_is_left_and_that_is_said) {
  for (const auto& [allowed, planned] : {std::pair(Cpus{5}, Cpus{}), {{0, 5}, {0, 5}}}) {
    const Calibration both = share_out(allowed, planned);
    EXPECT_EQ(both.responder_cpus, Cpus{5});
    EXPECT_TRUE(both.shared);
    EXPECT_NE(calibration_table({}, both).find("shared"), std::string::npos);
  }
  EXPECT_EQ(calibration_table({}, share_out({0, 1}, {})).find("shared"),
            std::string::npos);
}

}  // namespace
}  // namespace echolab
