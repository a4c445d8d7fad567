// The load in datagrams against servers that drop, delay, duplicate, reorder and corrupt
// by a script: what it counts is what they did.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <thread>

#include "clients/load.hpp"
#include "clients/load_report.hpp"
#include "common/listener.hpp"
#include "tests/eventually.hpp"

namespace echolab::tests {
namespace {

using namespace std::chrono_literals;

/// Longer than any pause of a busy machine, or it would count as a loss.
constexpr auto given_up_after = 400ms * slowness;

constexpr const char* any_port = "udp://127.0.0.1:0";

/// What a request says of itself: see DatagramLoop.
std::uint64_t number_of(const std::string& request) {
  std::uint64_t number = 0;
  std::memcpy(&number, request.data() + sizeof number, sizeof number);
  return number;
}

/// What a server does with a request: it calls `reply` for each datagram that it sends.
using Reply = std::function<void(const std::string&)>;
using Script = std::function<void(const std::string& request, const Reply& reply)>;

void echo(const std::string& request, const Reply& reply) {
  reply(request);
}

/// A server in a thread of this process.
class ScriptedServer {
 public:
  explicit ScriptedServer(Script script, const std::string& endpoint = any_port)
      : listener_(Endpoint::parse(endpoint)),
        thread_([this, script = std::move(script)] { serve(script); }) {}
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;
  ~ScriptedServer() { listener_.stop(); }

  [[nodiscard]] const Endpoint& endpoint() const { return listener_.endpoint(); }

 private:
  void serve(const Script& script) {
    std::string room(70'000, '\0');
    for (Address sender;;) {
      sender.size = sizeof sender.storage;
      const ssize_t n = ::recvfrom(listener_.fd(), room.data(), room.size(), 0,
                                   sender.get(), &sender.size);
      if (n == 0 && listener_.is_over()) return;
      if (n < 0) continue;
      script(room.substr(0, static_cast<std::size_t>(n)), [&](const std::string& reply) {
        ::sendto(listener_.fd(), reply.data(), reply.size(), MSG_NOSIGNAL, sender.get(),
                 sender.size);
      });
    }
  }

  Listener listener_;
  std::jthread thread_;
};

LoadPlan plan_for(const ScriptedServer& server, std::uint64_t requests) {
  LoadPlan plan;
  plan.server = server.endpoint();
  plan.connections = 1;
  plan.warm_up = 0ms;
  plan.duration = patience;
  plan.timeout = patience;
  plan.datagram_timeout = given_up_after;
  plan.requests = requests;
  return plan;
}

/// No datagram fared otherwise than said.
void expect_counts(const DatagramCounts& counts, const DatagramCounts& wanted) {
  EXPECT_EQ(counts.lost, wanted.lost);
  EXPECT_EQ(counts.late, wanted.late);
  EXPECT_EQ(counts.duplicated, wanted.duplicated);
  EXPECT_EQ(counts.reordered, wanted.reordered);
}

TEST(DatagramLoad, CountsExactlyTheRequestsAskedFor) {
  const ScriptedServer server(echo);
  for (const std::size_t connections : {1U, 7U}) {
    LoadPlan plan = plan_for(server, 500);
    plan.connections = connections;
    plan.threads = connections > 1 ? 3 : 1;
    const LoadResult result = run_load(plan);
    EXPECT_EQ(result.requests, 500u);
    EXPECT_EQ(result.response.count(), 500u);
    EXPECT_EQ(result.connected, connections);
    EXPECT_EQ(result.errors.total(), 0u) << result.first_failure;
    EXPECT_GE(result.datagrams.sent, 500u);
    expect_counts(result.datagrams, {});
    EXPECT_NE(judge(plan, result).verdict, Verdict::corrupt);
  }
}

struct Payload {
  const char* scheme;
  std::uint64_t bytes;
  std::size_t pipeline;
};
class DatagramPayload : public testing::TestWithParam<Payload> {};

TEST_P(DatagramPayload, ComesBackAndIsVerified) {
  const auto path = "/tmp/echolab_datagram_test." + std::to_string(::getpid());
  const bool local = std::string_view(GetParam().scheme) == "unixgram";
  const ScriptedServer server(echo, local ? "unixgram://" + path : GetParam().scheme);
  LoadPlan plan = plan_for(server, 200);
  plan.connections = 4;
  plan.payload_bytes = GetParam().bytes;
  plan.pipeline = GetParam().pipeline;
  const LoadResult result = run_load(plan);
  EXPECT_EQ(result.requests, 200u);
  EXPECT_EQ(result.errors.total(), 0u) << result.first_failure;
  expect_counts(result.datagrams, {});
}

INSTANTIATE_TEST_SUITE_P(Sizes, DatagramPayload,
                         testing::Values(Payload{"udp://127.0.0.1:0", 16, 1},
                                         Payload{"udp://127.0.0.1:0", 65'507, 1},
                                         Payload{"udp://127.0.0.1:0", 1000, 16},
                                         Payload{"udp://[::1]:0", 17, 2},
                                         Payload{"unixgram", 64, 16},
                                         Payload{"unixgram", 20'000, 2}),
                         [](const auto& test) {
                           const std::string_view scheme = test.param.scheme;
                           return std::string(scheme.find('[') != scheme.npos ? "udp6"
                                              : scheme == "unixgram"          ? "unixgram"
                                                                              : "udp4") +
                                  "_" + std::to_string(test.param.bytes) + "_times_" +
                                  std::to_string(test.param.pipeline);
                         });

// Each late and each second reply is sent before a reply that is waited for, so that none
// can come after the end.
TEST(DatagramLoad, WhatIsLostLateOrDuplicatedIsCountedExactly) {
  DatagramCounts did;
  std::string last;
  const auto script = [&](const std::string& request, const Reply& reply) {
    const std::uint64_t n = number_of(request);
    if (n % 10 == 3 || n % 10 == 8) {
      ++did.lost;
      last = request;
      return;
    }
    if (n % 10 == 4) ++did.late, reply(last);
    if (n % 10 == 5) ++did.duplicated, reply(last);  // the late one, once more
    if (n % 10 == 6) ++did.duplicated, reply(last);  // the one before
    last = n % 10 == 4 ? last : request;
    reply(request);
  };
  LoadResult result;
  {
    const ScriptedServer server(script);
    result = run_load(plan_for(server, 22));
  }
  EXPECT_EQ(result.requests, 22u);
  EXPECT_EQ(result.errors.total(), 0u) << result.first_failure;
  EXPECT_GE(did.lost, 4u);
  expect_counts(result.datagrams, did);
}

TEST(DatagramLoad, WhatIsReorderedIsCountedExactly) {
  DatagramCounts did;
  std::string held;
  const auto script = [&](const std::string& request, const Reply& reply) {
    if (number_of(request) % 5 == 2 && held.empty()) {
      held = request;
      return;
    }
    reply(request);
    if (held.empty()) return;
    reply(std::exchange(held, ""));
    ++did.reordered;
  };
  LoadResult result;
  {
    const ScriptedServer server(script);
    LoadPlan plan = plan_for(server, 100);
    plan.pipeline = 2;
    result = run_load(plan);
  }
  if (!held.empty()) ++did.lost;  // the last one: no other followed it
  EXPECT_EQ(result.requests, 100u);
  EXPECT_GE(did.reordered, 10u);
  expect_counts(result.datagrams, did);
}

TEST(DatagramLoad, ALostRequestIsReplacedAndNeverWaitedFor) {
  const auto script = [](const std::string& request, const Reply& reply) {
    if (number_of(request) != 2) reply(request);
  };
  const ScriptedServer server(script);
  LoadPlan plan = plan_for(server, 2000);
  plan.pipeline = 4;
  const LoadResult result = run_load(plan);
  EXPECT_EQ(result.requests, 2000u) << "three places go on while one waits";
  EXPECT_EQ(result.datagrams.lost, 1u);
}

TEST(DatagramLoad, WhoLosesOneAfterTheOtherIsStarvedAllTheTime) {
  const ScriptedServer server([](const std::string& request, const Reply& reply) {
    const std::uint64_t number = number_of(request);
    if (number < 1000 || number >= 1003) reply(request);
  });
  LoadPlan plan = plan_for(server, 1500);
  plan.datagram_timeout = 100ms * slowness;
  const LoadResult result = run_load(plan);
  EXPECT_GE(result.datagrams.lost, 3U);
  const Nanoseconds longest(result.longest_starvation_ns.value_or(0));
  EXPECT_GE(longest, 2.9 * Nanoseconds(plan.datagram_timeout));
  EXPECT_LE(longest.count(), std::llround(result.seconds * 1e9));
}

TEST(DatagramLoad, LosingMuchIsOverloadedAndLosingOneIsNot) {
  LoadPlan plan;
  plan.connections = 10;
  LoadResult result;
  result.seconds = 10;
  result.requests = 100'000;
  result.datagrams = {.sent = 100'001, .lost = 1, .lost_in_window = 1};
  EXPECT_EQ(judge(plan, result).verdict, Verdict::valid);
  result.datagrams.lost = result.datagrams.lost_in_window = 100;
  const Judgement judgement = judge(plan, result);
  EXPECT_EQ(judgement.verdict, Verdict::overloaded);
  EXPECT_NE(judgement.reason.find("100 of 100001 lost"), std::string::npos)
      << judgement.reason;
  EXPECT_NE(judgement.reason.find("20 % of the window"), std::string::npos)
      << judgement.reason;
}

/// What is wrong with every reply after the first ones.
struct WrongReply {
  const char* name;
  std::function<std::string(std::string)> spoil;
  std::uint64_t LoadErrors::*kind = &LoadErrors::altered;
};
class WrongDatagram : public testing::TestWithParam<WrongReply> {};

TEST_P(WrongDatagram, IsCorrupt) {
  const ScriptedServer server([](const std::string& request, const Reply& reply) {
    reply(number_of(request) < 5 ? request : GetParam().spoil(request));
  });
  LoadPlan plan = plan_for(server, 100);
  plan.timeout = 1s;
  const LoadResult result = run_load(plan);
  EXPECT_EQ(result.errors.mismatch, 1u);
  EXPECT_EQ(result.errors.*GetParam().kind, 1u) << result.first_failure;
  EXPECT_EQ(judge(plan, result).verdict, Verdict::corrupt);
}

INSTANTIATE_TEST_SUITE_P(
    Faults, WrongDatagram,
    testing::Values(
        WrongReply{"LastByte",
                   [](std::string reply) {
                     reply.back() = static_cast<char>(reply.back() ^ 1);
                     return reply;
                   }},
        WrongReply{"OtherConnection",
                   [](std::string reply) {
                     reply[0] = static_cast<char>(reply[0] ^ 1);
                     return reply;
                   }},
        WrongReply{"NumberNeverAsked",
                   [](std::string reply) {
                     reply[15] = 1;
                     return reply;
                   }},
        WrongReply{"NumberOfAnother",
                   [](std::string reply) {
                     reply[8] = 1;  // the bytes are not those of number 1
                     return reply;
                   }},
        WrongReply{"CutOff", [](std::string reply) { return reply.substr(1); }},
        WrongReply{"TooLong", [](const std::string& reply) { return reply + "x"; },
                   &LoadErrors::unasked},
        WrongReply{"Empty", [](const std::string&) { return std::string(); }}),
    [](const auto& test) { return test.param.name; });

TEST(DatagramLoad, TheReplyToAnotherConnectionIsSwapped) {
  std::string of_the_first;
  const ScriptedServer server([&](const std::string& request, const Reply& reply) {
    const bool is_first = request[0] == 0;
    if (is_first) of_the_first = request;
    reply(is_first || number_of(request) < 5 ? request : of_the_first);
  });
  LoadPlan plan = plan_for(server, 100);
  plan.connections = 2;
  plan.timeout = 1s;
  const LoadResult result = run_load(plan);
  EXPECT_EQ(result.errors.swapped, 1u) << result.first_failure;
  EXPECT_NE(result.first_failure.find("connection 1: a datagram of 64 B: the bytes of "
                                      "connection 0, reply "),
            std::string::npos)
      << result.first_failure;
}

TEST(DatagramLoad, WhereNobodyListensIsUnreachable) {
  LoadPlan plan;
  plan.server = ScriptedServer(echo).endpoint();  // was there a moment ago
  const auto began = std::chrono::steady_clock::now();
  EXPECT_THROW(run_load(plan), Unreachable);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 2s * slowness);
  plan.server = Endpoint::parse("unixgram:///tmp/echolab_nobody_is_here");
  EXPECT_THROW(run_load(plan), Unreachable);
}

TEST(DatagramLoad, AServerThatNeverRepliesIsUnreachable) {
  const ScriptedServer server([](const std::string&, const Reply&) {});
  LoadPlan plan = plan_for(server, 10);
  plan.timeout = 300ms;
  plan.datagram_timeout = 50ms;
  EXPECT_THROW(run_load(plan), Unreachable);
}

TEST(DatagramLoad, RefusesWhatNoDatagramCanBe) {
  const ScriptedServer server(echo);
  for (const std::uint64_t bytes : {15u, 65'508u}) {
    LoadPlan plan = plan_for(server, 1);
    plan.payload_bytes = bytes;
    EXPECT_THROW(run_load(plan), UsageError) << bytes;
  }
  LoadPlan plan = plan_for(server, 1);
  plan.pipeline = 1025;
  EXPECT_THROW(run_load(plan), UsageError);
}

TEST(DatagramLoad, TableAndJsonSayWhatBecameOfThem) {
  LoadPlan plan;
  plan.server = Endpoint::parse("udp://127.0.0.1:7");
  LoadResult result;
  result.seconds = 1;
  result.requests = 90;
  result.datagrams = {.sent = 100,
                      .lost = 10,
                      .lost_in_window = 9,
                      .late = 3,
                      .duplicated = 2,
                      .reordered = 1};
  EXPECT_EQ(load_json(plan, result)["datagrams"],
            nlohmann::json::parse(R"({"sent": 100, "lost": 10, "lost_in_window": 9,
                                      "late": 3, "duplicated": 2, "reordered": 1})"));
  const std::string table = load_table(plan, result);
  EXPECT_NE(table.find("10 of 100 lost (10 %)   3 late   2 duplicated   1 reordered"),
            std::string::npos)
      << table;
}

}  // namespace
}  // namespace echolab::tests
