// The load generator against HTTP servers: ours, whose echoes come back right whatever
// the model, and some that are wrong, each of which gets its name.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <memory>
#include <thread>

#include "clients/http_fetch.hpp"
#include "clients/load_report.hpp"
#include "common/drive.hpp"
#include "common/listener.hpp"
#include "tests/server_process.hpp"

namespace echolab::tests {
namespace {

using namespace std::chrono_literals;

constexpr const char* any_port = "tcp://127.0.0.1:0";
const std::vector<std::string> for_http = {"--protocol", "http"};

LoadPlan plan_for(const Endpoint& server, const HttpAsk& ask = {}) {
  LoadPlan plan;
  plan.server = server;
  plan.connections = 4;
  plan.warm_up = 10ms;
  plan.duration = patience;
  plan.timeout = patience;
  plan.requests = 200;
  plan.http = ask;
  if (ask.get) plan.payload_bytes = 0;
  return plan;
}

void expect_exactly(const LoadPlan& plan, const LoadResult& result) {
  EXPECT_EQ(result.errors.total(), 0U) << result.first_failure;
  EXPECT_EQ(result.requests, plan.requests);
  EXPECT_EQ(result.response.count(), plan.requests);
  EXPECT_EQ(result.connected, plan.connections);
}

/// A server that says what it is told to, a `reply` (without a body's pattern) for each
/// request that ends with an empty line: to the n-th of a connection, 0 …
class Replying {
 public:
  using Reply = std::function<std::string(unsigned n)>;

  /// Closes a connection after so many.
  explicit Replying(Reply reply, unsigned replies = ~0U)
      : listener_(Endpoint::parse(any_port)),
        thread_([this, reply = std::move(reply), replies] {
          std::vector<std::jthread> clients;
          while (Fd client = listener_.accept())
            clients.emplace_back([&reply, replies, client = std::move(client)] {
              converse_on(client.get(), reply, replies);
            });
        }) {}
  Replying(const Replying&) = delete;
  Replying& operator=(const Replying&) = delete;
  ~Replying() { listener_.stop(); }

  [[nodiscard]] const Endpoint& endpoint() const { return listener_.endpoint(); }

 private:
  static void converse_on(int client, const Reply& reply, unsigned replies) {
    std::string heard;
    std::array<std::byte, 4096> room;
    for (unsigned n = 0; n < replies;) {
      const ssize_t more = receive(client, room);
      if (more <= 0) return;
      heard.append(reinterpret_cast<const char*>(room.data()),
                   static_cast<std::size_t>(more));
      for (auto end = heard.find("\r\n\r\n"); end != heard.npos && n < replies;
           end = heard.find("\r\n\r\n")) {
        heard.erase(0, end + 4);
        const std::string text = reply(n++);
        if (transmit(client, std::as_bytes(std::span(text))) < 0) return;
      }
    }
  }

  Listener listener_;
  std::jthread thread_;
};

std::string ok(const std::string& body, const std::string& fields = "") {
  return fmt::format("HTTP/1.1 200 OK\r\n{}Content-Length: {}\r\n\r\n{}", fields,
                     body.size(), body);
}

const HttpAsk get{.get = "/"};

TEST(HttpLoad, EveryKindOfModelEchoesEveryBodyRight) {
  for (const char* model :
       {"iterative", "fork_per_client", "thread_pool", "epoll_edge"}) {
    SCOPED_TRACE(model);
    const ServerProcess server(model, any_port, {.flags = for_http});
    ASSERT_TRUE(server.ready()) << server.log();
    for (const auto& [payload, pipeline] :
         {std::pair{1U, 1U}, {64U, 16U}, {100'000U, 2U}}) {
      LoadPlan plan = plan_for(server.endpoint());
      plan.payload_bytes = payload;
      plan.pipeline = pipeline;
      expect_exactly(plan, run_load(plan));
    }
  }
}

TEST(HttpLoad, EveryKindOfModelAnswersEveryGet) {
  for (const std::string model : {"iterative", "prethread", "epoll_level"}) {
    SCOPED_TRACE(model);
    const ServerProcess server(model, any_port, {.flags = for_http});
    ASSERT_TRUE(server.ready()) << server.log();
    for (const std::size_t pipeline : {1U, 16U}) {
      LoadPlan plan = plan_for(server.endpoint(), get);
      plan.pipeline = pipeline;
      plan.threads = model == "iterative" ? 1 : 2;  // it serves one of all
      const LoadResult result = run_load(plan);
      expect_exactly(plan, result);
      EXPECT_EQ(result.reply_bytes, 74U);
    }
  }
}

TEST(HttpLoad, AnOpenLoopOverAUnixSocketIsAnsweredAsWell) {
  const ServerProcess server("epoll_level",
                             "unix:///tmp/echolab_http." + std::to_string(::getpid()),
                             {.flags = for_http});
  LoadPlan plan = plan_for(server.endpoint());
  plan.workload.arrivals.emplace().rate = 2'000;
  plan.requests = 0;
  plan.duration = 200ms;
  const LoadResult result = run_load(plan);
  EXPECT_EQ(result.errors.total(), 0U) << result.first_failure;
  EXPECT_EQ(result.response.count(), result.offered);
  EXPECT_GT(result.offered, 0U);
}

TEST(HttpLoad, BodiesThatAreChunkedAreVerified) {
  const Replying server([](unsigned n) {
    const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    return n % 2 == 0 ? head + "5\r\nhello\r\n0\r\n\r\n"
                      : head + "2\r\nhe\r\n3\r\nllo\r\n0\r\nDigest: x\r\n\r\n";
  });
  const LoadPlan plan = plan_for(server.endpoint(), get);
  const LoadResult result = run_load(plan);
  expect_exactly(plan, result);
  EXPECT_EQ(result.reply_bytes, 5U);
}

TEST(HttpLoad, AnEmptyBodyIsABody) {
  const Replying server([](unsigned) { return ok(""); });
  const LoadPlan plan = plan_for(server.endpoint(), get);
  expect_exactly(plan, run_load(plan));
}

/// The first of all is right, the third of each connection is not.
void expect_corrupt(const std::string& wrong, const std::string& why) {
  const Replying server([&](unsigned n) { return n == 2 ? wrong : ok("hello"); });
  const LoadPlan plan = plan_for(server.endpoint(), get);
  const Judgement judgement = judge(plan, run_load(plan));
  EXPECT_EQ(judgement.verdict, Verdict::corrupt);
  EXPECT_NE(judgement.reason.find(why), std::string::npos) << judgement.reason;
}

TEST(HttpLoad, AReplyThatIsNotTheFirstOneIsCorrupt) {
  expect_corrupt(ok("hallo"), "its body is not that of the first GET");
  expect_corrupt(ok("hello!"), "a reply's body has 6 B, and not 5");
  expect_corrupt(ok("hell"), "a reply's body has 4 B, and not 5");
  expect_corrupt("HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n",
                 "the server answered 503");
  expect_corrupt("HTTP/1.1 404 Not Found\r\n\r\n", "the server answered 404");
  expect_corrupt("HTTP/1.1 200 OK\r\n\r\nhello", "ends with its connection");
}

/// The very first one: there is no load.
void expect_no_load(const std::string& first, const std::string& why) {
  const Replying server([&](unsigned) { return first; }, 1);
  try {
    run_load(plan_for(server.endpoint(), get));
    ADD_FAILURE() << "a load of " << first;
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.code, ExitCode::failure);
    for (const std::string& word : {why, server.endpoint().text(), std::string("GET /")})
      EXPECT_NE(std::string(failure.what()).find(word), std::string::npos)
          << failure.what();
  }
}

TEST(HttpLoad, WithoutARightFirstReplyThereIsNoLoad) {
  expect_no_load("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
                 "the server answered 404");
  expect_no_load("HTTP/1.1 500 Oh\r\n\r\n", "the server answered 500");
  expect_no_load("HTTP/1.1 200 OK\r\n\r\nhello", "ends with its connection");
  expect_no_load("HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n",
                 "a reply's body has 1048577 B, and not up to 1048576");
  expect_no_load("220 mail.example SMTP\r\n", "the reply is no HTTP/1.1");
  expect_no_load("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello", "no whole reply");
}

TEST(HttpLoad, AFirstReplyThatDripsIsGivenUpThoughItIsNeverSilent) {
  Listener listener(Endpoint::parse(any_port));
  const std::jthread dripping([&] {
    const Fd client = listener.accept();
    std::array<std::byte, 4096> room;
    if (receive(client.get(), room) <= 0) return;
    for (const char byte : ok(std::string(300, 'x'))) {
      if (transmit(client.get(), std::as_bytes(std::span(&byte, 1))) < 0) return;
      std::this_thread::sleep_for(10ms);
    }
  });
  LoadPlan plan = plan_for(listener.endpoint(), get);
  plan.timeout = 500ms;
  EXPECT_THROW(fetch_body(plan), Failure);
}

TEST(HttpLoad, APostThatIsRefusedIsNamedByItsStatus) {
  const ServerProcess server("epoll_level", any_port,
                             {.flags = {"--protocol", "http", "--max-body", "1000"}});
  for (const std::uint64_t payload : {1'001U, 1'000'000U}) {
    LoadPlan plan = plan_for(server.endpoint());
    plan.payload_bytes = payload;
    const Judgement judgement = judge(plan, run_load(plan));
    EXPECT_EQ(judgement.verdict, Verdict::corrupt);
    EXPECT_NE(judgement.reason.find("the server answered 413"), std::string::npos)
        << judgement.reason;
  }
}

TEST(HttpLoad, AServerThatClosesAfterSoManyRequestsSaysSoAndNoReplyIsLost) {
  for (const auto& [reply, why] :
       {std::pair{ok("hello", "Connection: Close\r\n"), "Connection: close"},
        {std::string("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
         "HTTP/1.0 without keep-alive"}}) {
    const std::string& last = reply;
    const Replying server([&](unsigned n) { return n == 9 ? last : ok("hello"); }, 10);
    const LoadPlan plan = plan_for(server.endpoint(), get);
    const LoadResult result = run_load(plan);
    EXPECT_EQ(result.errors.closed_early, plan.connections);
    EXPECT_EQ(result.errors.total(), plan.connections);
    const Judgement judgement = judge(plan, result);
    EXPECT_EQ(judgement.verdict, Verdict::failed);
    for (const char* word : {"the server closed the connection after 10 requests", why})
      EXPECT_NE(judgement.reason.find(word), std::string::npos) << judgement.reason;
  }
}

TEST(HttpLoad, AServerThatClosesWithTheLastReplyOfTheLoadIsRight) {
  const Replying server([&](unsigned n) {
    if (n == 0) return ok("hello");
    std::this_thread::sleep_for(500ms);  // nothing is asked any more
    return ok("hello", "Connection: close\r\n");
  });
  LoadPlan plan = plan_for(server.endpoint(), get);
  plan.connections = 1;
  plan.workload.arrivals.emplace().replay =
      std::make_shared<const std::vector<std::int64_t>>(1, 80'000'000);
  plan.requests = 0;
  plan.warm_up = 0ms;
  plan.duration = 200ms;
  const LoadResult result = run_load(plan);
  EXPECT_EQ(result.errors.total(), 0U) << result.first_failure;
  EXPECT_EQ(result.response.count(), 1U);
}

TEST(HttpLoad, ChurnMeetsAServerThatClosesAfterAsManyRequests) {
  for (const char* close : {"Connection: close\r\n", ""}) {
    const Replying server([&](unsigned n) { return ok("hello", n == 9 ? close : ""); },
                          10);
    LoadPlan plan = plan_for(server.endpoint(), get);
    plan.manners.kind = Manners::Kind::churn;
    plan.manners.requests = 10;
    const LoadResult result = run_load(plan);
    EXPECT_EQ(result.errors.total(), 0U) << result.first_failure;
    EXPECT_EQ(result.requests, plan.requests);
  }
}

TEST(HttpLoad, PopulationsAskForTheSame) {
  const ServerProcess server("epoll_level", any_port, {.flags = for_http});
  for (const HttpAsk& ask : {get, HttpAsk()}) {
    LoadPlan plan = plan_for(server.endpoint(), ask);
    LoadPlan other = plan;
    other.name = "other";
    other.manners.kind = Manners::Kind::slow_writer;
    other.manners.rate = 2'000;
    other.requests = 0;
    plan.name = "lead";
    plan.company.push_back(other);
    const LoadResult result = run_load(plan);
    expect_exactly(plan, result);
    ASSERT_EQ(result.company.size(), 1U);
    EXPECT_EQ(result.company[0].errors.total(), 0U) << result.company[0].first_failure;
  }
}

TEST(HttpLoad, ThePlanSaysWhatIsAsked) {
  LoadPlan plan;
  EXPECT_TRUE(plan_json(plan)["http"].is_null());
  plan.http.emplace();
  EXPECT_EQ(plan_json(plan)["protocol"], "http");
  EXPECT_TRUE(plan_json(plan)["http"]["get"].is_null());
  EXPECT_NE(load_table(plan, {}).find("POSTs, whose bodies come back"),
            std::string::npos);
  plan.http->get = "/a.html";
  EXPECT_EQ(plan_json(plan)["http"]["get"], "/a.html");
  LoadResult result;
  result.reply_bytes = 612;
  const std::string table = load_table(plan, result);
  for (const char* text : {"GET /a.html", "200 and 612 B for each GET"})
    EXPECT_NE(table.find(text), std::string::npos) << table;
}

TEST(HttpLoad, ARequestIsAsLongAsItsHeadAndItsBody) {
  LoadPlan plan;
  plan.http.emplace();
  const std::string post =
      "POST / HTTP/1.1\r\nHost: 127.0.0.1:7007\r\nContent-Length: 64\r\n\r\n";
  EXPECT_EQ(plan.request_bytes(), post.size() + 64);
  plan.server = Endpoint::parse("unix:///tmp/x");
  plan.http->get = "/a";
  plan.payload_bytes = 0;
  const std::string head = "GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n";
  EXPECT_EQ(plan.request_bytes(), head.size());
}

TEST(HttpLoad, DatagramsAreRefused) {
  LoadPlan plan;
  plan.server = Endpoint::parse("udp://127.0.0.1:7");
  plan.http.emplace();
  EXPECT_THROW(check_datagrams(plan), UsageError);
}

}  // namespace
}  // namespace echolab::tests
