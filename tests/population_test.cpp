// Populations of a load: each behaves as its kind says, as the server sees it, is counted
// apart, and leaves the one that leads alone.

#include <gtest/gtest.h>
#include <poll.h>

#include <CLI/CLI.hpp>
#include <map>
#include <mutex>
#include <numeric>
#include <thread>

#include "clients/load_loop.hpp"
#include "clients/load_report.hpp"
#include "clients/population_options.hpp"
#include "clients/population_report.hpp"
#include "common/listener.hpp"
#include "tests/eventually.hpp"
#include "tests/simulated_engine.hpp"

namespace echolab::tests {
namespace {

using namespace std::chrono_literals;
using Kind = Manners::Kind;

/// How one conversation went, as the server saw it.
struct Conversation {
  std::uint64_t bytes = 0;
  bool ended_by_reset = false;
  bool half_closed_first = false;  ///< its end was there before the first reply left
};

/// Echoes, a thread for each client, and keeps account.
class RecordingServer {
 public:
  /// `patience_ms`: how long it looks for an end before it replies to the first bytes.
  explicit RecordingServer(int patience_ms = 0)
      : patience_ms_(patience_ms), listener_(Endpoint::parse("tcp://127.0.0.1:0")) {
    thread_ = std::jthread([this] {
      while (Fd client = listener_.accept())
        clients_.emplace_back([this, fd = std::move(client)] { serve(fd.get()); });
    });
  }
  RecordingServer(const RecordingServer&) = delete;
  RecordingServer& operator=(const RecordingServer&) = delete;
  ~RecordingServer() { listener_.stop(); }

  [[nodiscard]] const Endpoint& endpoint() const { return listener_.endpoint(); }

  /// Once all that were accepted have ended.
  std::vector<Conversation> conversations() {
    listener_.stop();
    thread_.join();
    clients_.clear();
    return conversations_;
  }

 private:
  void serve(int fd) {
    Conversation conversation;
    std::byte room[64 * 1024];
    for (;;) {
      const ssize_t n = receive(fd, room);
      if (n <= 0) {
        conversation.ended_by_reset = n < 0;
        break;
      }
      conversation.bytes += static_cast<std::uint64_t>(n);
      std::byte next;  // a client that says its end with its requests has said it by now
      if (conversation.bytes == static_cast<std::uint64_t>(n)) {
        pollfd end{.fd = fd, .events = POLLRDHUP, .revents = 0};
        conversation.half_closed_first = ::poll(&end, 1, patience_ms_) == 1 &&
                                         (end.revents & POLLRDHUP) != 0 &&
                                         ::recv(fd, &next, 1, MSG_PEEK) == 0;
      }
      if (!send_all(fd, Bytes(room).first(static_cast<std::size_t>(n)))) {
        conversation.ended_by_reset = true;
        break;
      }
    }
    const std::lock_guard lock(mutex_);
    conversations_.push_back(conversation);
  }
  static bool send_all(int fd, Bytes bytes) {
    while (!bytes.empty()) {
      const ssize_t n = transmit(fd, bytes);
      if (n < 0) return false;
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
    return true;
  }

  const int patience_ms_;
  Listener listener_;
  std::mutex mutex_;
  std::vector<Conversation> conversations_;
  std::deque<std::jthread> clients_;
  std::jthread thread_;
};

/// The plan that a command line makes, but for its server and its times.
LoadPlan plan_of(const std::vector<std::string>& classes,
                 const Endpoint& server = Endpoint::parse("tcp://127.0.0.1:7007")) {
  CLI::App parser;
  std::string ignored;
  parser.add_option("--size", ignored);
  parser.add_option("--pipeline", ignored);
  LoadPlan plan;
  plan.server = server;
  plan.connections = 4;
  plan.payload_bytes = 32;
  plan.warm_up = 0ms;
  plan.duration = 300ms;
  plan.timeout = patience;
  complete_classes(classes, parser, plan);
  return plan;
}

std::uint64_t connects(const LoadResult& result) {
  return result.details->connect.count();
}

TEST(Population, TheSilentAreHeldAndGreetedOrNotAndAskNothing) {
  RecordingServer server;
  const LoadPlan plan =
      plan_of({"good", "idle:c=50", "connect-only:c=20"}, server.endpoint());
  const LoadResult result = run_load(plan);
  EXPECT_EQ(result.errors.total(), 0U) << result.first_failure;
  EXPECT_GT(result.requests, 0U);
  ASSERT_EQ(result.company.size(), 2U);
  const LoadResult& idle = result.company[0];
  EXPECT_EQ(connects(idle), 50U);
  EXPECT_EQ(idle.details->first_byte.count(), 50U) << "each asked once";
  EXPECT_EQ(idle.requests, 0U);
  EXPECT_EQ(idle.errors.total(), 0U) << idle.first_failure;
  const LoadResult& mute = result.company[1];
  EXPECT_EQ(connects(mute), 20U);
  EXPECT_EQ(mute.details->first_byte.count(), 0U);
  EXPECT_EQ(mute.errors.total(), 0U) << mute.first_failure;
  std::map<std::uint64_t, int> conversations;
  const auto seen = server.conversations();
  for (const Conversation& one : seen) ++conversations[one.bytes];
  EXPECT_EQ(conversations[0], 20);
  EXPECT_EQ(conversations[32], 50);
  EXPECT_EQ(seen.size(), 74U) << "and the four that are active";
}

TEST(Population, ChurnEndsEachConnectionAfterItsRequestsAndConnectsAnew) {
  for (const bool by_reset : {false, true}) {
    RecordingServer server;
    const LoadPlan plan = plan_of({by_reset ? "churn:c=3,n=5,end=rst" : "churn:c=3,n=5"},
                                  server.endpoint());
    const LoadResult result = run_load(plan);
    EXPECT_EQ(result.errors.total(), 0U) << result.first_failure;
    const std::uint64_t lives = connects(result);
    EXPECT_GT(lives, 6U);
    EXPECT_LE(result.requests, 5 * lives);
    EXPECT_GT(result.requests, 0U);  // it goes on after the window, uncounted
    EXPECT_EQ(result.connected, 3U);
    EXPECT_EQ(result.requests_per_connection.size(), 3U);
    std::size_t whole = 0;
    std::size_t reset = 0;
    const auto conversations = server.conversations();
    EXPECT_GE(conversations.size(), lives);
    EXPECT_LE(conversations.size(), lives + 3)
        << "connects that were given up in the end";
    for (const Conversation& one : conversations) {
      EXPECT_LE(one.bytes, 5U * 32);
      whole += one.bytes == 5U * 32 ? 1 : 0;
      reset += one.ended_by_reset ? 1 : 0;
    }
    EXPECT_GE(whole, lives - 3) << "the last ones may have been cut short";
    EXPECT_TRUE(by_reset ? reset >= lives - 3 : reset == 0) << reset << " of " << lives;
    EXPECT_EQ(result.details->close.count(), by_reset ? lives - reset : lives);
  }
}

TEST(Population, HalfCloseSaysItsEndBeforeItHasItsReplies) {
  RecordingServer server(200 * slowness);
  const LoadPlan plan = plan_of({"half-close:c=2,n=3"}, server.endpoint());
  const LoadResult result = run_load(plan);
  EXPECT_EQ(result.errors.total(), 0U) << result.first_failure;
  EXPECT_GT(result.requests, 0U);
  std::size_t first = 0;
  const auto conversations = server.conversations();
  for (const Conversation& one : conversations) first += one.half_closed_first ? 1 : 0;
  // Not the first lives, whose first request was their greeting, nor the last; nor who
  // lost its CPU between its last byte and its end for as long as the server looked.
  EXPECT_GT(first, 0U);
  EXPECT_GE(2 * first + 4, conversations.size());
}

TEST(Population, AServerThatKeepsTheRepliesOfAHalfClosedClientIsNamed) {
  Listener listener(Endpoint::parse("tcp://127.0.0.1:0"));
  const std::jthread closing([&] {
    while (const Fd client = listener.accept()) {
      std::byte room[32];
      if (receive(client.get(), room) > 0) transmit(client.get(), room);  // the greeting
      receive(client.get(), room);  // and nothing for the second request
    }
  });
  LoadPlan plan = plan_of({"half-close:c=1,n=2"}, listener.endpoint());
  plan.timeout = 1s;
  const LoadResult result = run_load(plan);
  listener.stop();
  EXPECT_EQ(judge(plan, result).verdict, Verdict::corrupt) << judge(plan, result).reason;
  EXPECT_GT(result.errors.lost_replies, 0U);
}

TEST(Population, ASlowReaderTakesItsRepliesAtItsRate) {
  RecordingServer server;
  LoadPlan plan =
      plan_of({"good", "slow-reader:c=2,s=2KiB,p=1,rate=20k"}, server.endpoint());
  plan.duration = 1s;
  const LoadResult result = run_load(plan);
  const LoadResult& slow = result.company[0];
  EXPECT_EQ(slow.errors.total(), 0U) << slow.first_failure;
  EXPECT_GT(slow.requests, 0U);
  // 2 KiB at 20 kB/s: not before 0.1 s, a quantum of 200 B less.
  EXPECT_GE(slow.response.min_ns(), 90'000'000U);
  EXPECT_LE(slow.requests, 22U);
}

/// It has let 256 KiB pile up at the server, behind a window of 2 KiB.
TEST(Population, ASlowReaderTakesTheLastRepliesAsFastAsAnybody) {
  RecordingServer server;
  LoadPlan plan = plan_of({"good", "slow-reader:c=3,rate=1k"}, server.endpoint());
  plan.duration = 200ms;
  plan.timeout = 4s * slowness;
  const LoadResult result = run_load(plan);
  const LoadResult& slow = result.company[0];
  EXPECT_EQ(slow.errors.total(), 0U)
      << "its own slowness is no fault of the server's: " << slow.first_failure;
}

/// In simulated time, so to the nanosecond: one piece leaves at once, the others after a
/// rest each.
TEST(Population, ASlowWriterSendsAtItsRateToTheByte) {
  LoadPlan plan = plan_of({"slow-writer:c=3,rate=1k"});
  plan.payload_bytes = 100;
  plan.duration = 10s;
  const Pattern pattern(1);
  Timetable timetable;
  const SimulatedServer server{.request_bytes = 100,
                               .service_ns = [] { return 1'000'000; },
                               .on_time =
                                   [&](std::int64_t now) {
                                     const Phase phase = timetable.phase;
                                     if (phase == Phase::connecting) {
                                       timetable.phase = Phase::greeting;
                                       timetable.load_begin_ns = now + 1'000'000'000;
                                       timetable.window_begin_ns = now + 1'000'000'000;
                                       timetable.window_end_ns = now + 11'000'000'000;
                                     } else if (now >= timetable.window_end_ns) {
                                       timetable.phase = Phase::draining;
                                     } else if (phase == Phase::greeting) {
                                       timetable.phase = Phase::measuring;
                                     }
                                   }};
  const std::vector<Address> nowhere(1);
  LoadLoop<EchoCaller, SimulatedEngine> loop(plan, pattern, nowhere, {.connections = 3},
                                             timetable, server);
  loop.run();
  LoadResult result;
  loop.add_to(result);
  EXPECT_EQ(result.errors.total(), 0U) << result.first_failure;
  // Ten pieces of 10 B, nine rests of 10 ms; all three are served one by one.
  EXPECT_EQ(result.details->service.min_ns(), 91'000'000U);
  EXPECT_LE(result.details->service.max_ns(), 93'100'000U) << "a bucket is 0.1 % wide";
  EXPECT_NEAR(static_cast<double>(result.requests), 3 * 10 / 0.0925, 12);
}

TEST(Population, AWrongByteInTheCompanyIsCorruptAndAFailureThereAWarning) {
  LoadPlan plan = plan_of({"good", "idle:c=5"});
  LoadResult result;
  result.seconds = 1;
  result.requests = 1000;
  result.company.resize(1);
  result.company[0].errors.closed_early = 2;
  result.company[0].first_failure = "the server closed the connection";
  Judgement judgement = judge(plan, result);
  EXPECT_EQ(judgement.verdict, Verdict::valid) << judgement.reason;
  ASSERT_EQ(judgement.warnings.size(), 1U);
  EXPECT_EQ(judgement.warnings[0],
            "class idle: 2 of 5 connections failed: the server closed the connection");
  result.company[0].errors.mismatch = 1;
  judgement = judge(plan, result);
  EXPECT_EQ(judgement.verdict, Verdict::corrupt);
  EXPECT_NE(judgement.reason.find("class idle"), std::string::npos);
}

TEST(Population, TheRowHasEachClassWithItsOwnHistogram) {
  LoadPlan plan = plan_of({"good", "idle:c=5"});
  LoadResult result;
  result.company.resize(1);
  result.company[0].response.record(42);
  const auto row = load_row(plan, result, judge(plan, result), 0);
  EXPECT_EQ(row["class"]["name"], "good");
  ASSERT_EQ(row["classes"].size(), 1U);
  EXPECT_EQ(row["classes"][0]["class"]["kind"], "idle");
  EXPECT_EQ(row["classes"][0]["plan"]["connections"], 5);
  EXPECT_EQ(row["classes"][0]["latency_ns"]["n"], 1);
}

TEST(ClassOption, GivesEachClassTheFlagsButForItsKeys) {
  const LoadPlan plan =
      plan_of({"good:c=64,s=list:64@90,4KiB@10,R=2k", "slow-reader:c=20,rate=1k",
               "noisy:kind=churn,n=7,end=rst", "mute:kind=connect-only,c=9,t=3"});
  EXPECT_EQ(plan.name, "good");
  EXPECT_EQ(plan.connections, 64U);
  EXPECT_EQ(plan.sizes->text(), "list:64@90,4KiB@10");
  EXPECT_EQ(plan.workload.arrivals->rate, 2000);
  ASSERT_EQ(plan.company.size(), 3U);
  EXPECT_EQ(plan.company[0].manners.kind, Kind::slow_reader);
  EXPECT_EQ(plan.company[0].manners.rate, 1000);
  EXPECT_FALSE(plan.company[0].workload.is_open());
  EXPECT_FALSE(plan.company[0].sizes);
  EXPECT_EQ(plan.company[0].payload_bytes, 64U * 1024);
  EXPECT_EQ(plan.company[1].manners.kind, Kind::churn);
  EXPECT_EQ(plan.company[1].manners.requests, 7U);
  EXPECT_EQ(plan.company[1].manners.ending, Manners::Ending::rst);
  EXPECT_EQ(plan.company[1].connections, 4U) << "the flag's";
  EXPECT_EQ(plan.company[1].payload_bytes, 32U) << "the flag's";
  EXPECT_EQ(plan.company[2].threads, 3U);
}

TEST(ClassOption, HasARateOfItsOwnAndTheLawThatTheFlagsGive) {
  CLI::App parser;
  LoadPlan plan;
  plan.workload.arrivals = parse_arrivals(
      {.arrivals = "gamma:2", .rate = "500", .on_off = "100ms/300ms", .replay = {}});
  LoadPlan ramp = plan;
  complete_classes({"good:R=300"}, parser, plan);
  EXPECT_EQ(plan.workload.arrivals->text(),
            "gamma of cv 2, 300 requests/s, 100 ms on, 300 ms off");
  EXPECT_THROW(complete_classes({"good:R=100..300"}, parser, ramp), UsageError);
  LoadPlan replayed;
  replayed.workload.arrivals.emplace().replay =
      std::make_shared<const std::vector<std::int64_t>>(1, 5);
  EXPECT_THROW(complete_classes({"good:R=300"}, parser, replayed), UsageError);
}

TEST(ClassOption, SaysWhatIsWrongWithIt) {
  const std::pair<std::vector<std::string>, const char*> wrong[] = {
      {{""}, "--class '' is not NAME:KEY=VALUE,... such as idle:c=5000"},
      {{"a:c"}, "--class 'a:c' has 'c', which is not KEY=VALUE"},
      {{"a:c=0"}, "--class 'a:c=0' has c=0, which is no number from 1 to 1000000"},
      {{"a:c=1,c=2"}, "--class 'a:c=1,c=2' gives c twice"},
      {{"a:rate=5"},
       "--class 'a:rate=5' has rate=5, which the kind active does not take; it takes c, "
       "t, kind, s, p, R, think"},
      {{"a:kind=idel"},
       "--class 'a:kind=idel' has kind=idel; kinds are active, idle, connect-only, "
       "slow-reader, slow-writer, churn, half-close, did you mean 'idle'?"},
      {{"idle:c=5"},
       "--class 'idle:c=5': the first class leads, and this one asks for nothing to "
       "measure"},
      {{"a", "a:c=2"}, "--class 'a:c=2': the name is taken"},
      {{"a:c=1,t=2"}, "--class 'a:c=1,t=2' has 2 threads for 1 connections"},
      {{"churn:end=x"}, "--class 'churn:end=x' has end=x, which is neither fin nor rst"},
      {{"churn:R=1k,p=2"},
       "--class 'churn:R=1k,p=2' ends its connections in an open loop: it needs p=1"},
  };
  for (const auto& [classes, what] : wrong) {
    try {
      plan_of(classes);
      ADD_FAILURE() << classes.back() << " was taken";
    } catch (const UsageError& error) {
      EXPECT_STREQ(error.what(), what);
    }
  }
}

}  // namespace
}  // namespace echolab::tests
