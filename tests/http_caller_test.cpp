// The client's side of HTTP without a socket: it understands whatever head a server may
// put before the echo, and no reply that is not the whole echo counts.

#include "clients/http_caller.hpp"

#include <gtest/gtest.h>

#include "common/http.hpp"
#include "tests/memory_wire.hpp"

namespace echolab {
namespace {

using Memory = std::vector<std::byte>;

const Pattern& pattern() {
  static const Pattern one(7);
  return one;
}

/// A caller that has asked for so many requests, and said them.
struct Client {
  explicit Client(std::uint64_t payload, std::uint64_t requests = 1)
      : words(pattern(), payload, "a:1"), memory(256), caller(words, 5, memory) {
    caller.ask(requests * words.request_bytes());
    while (!caller.output().empty()) caller.sent(caller.output().size());
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// The body that is right for request `number`.
  [[nodiscard]] std::string body(std::uint64_t number = 0) const {
    const std::uint64_t size = words.payload_bytes();
    const Bytes bytes = words.body_at(5, number * size, size);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  void hear(std::string_view text, std::size_t piece = 256) {
    while (!text.empty() && !caller.done()) {
      const std::size_t n = std::min({piece, text.size(), memory.size()});
      std::memcpy(memory.data(), text.data(), n);
      caller.received(n);
      text.remove_prefix(n);
    }
  }

  HttpWords words;
  Memory memory;
  HttpCaller caller;
};

constexpr std::size_t payload = 20;

/// 20 bytes in two chunks.
std::string chunks(const std::string& body, const std::string& trailer = {}) {
  return "d;x=y\r\n" + body.substr(0, 13) + "\r\n007\r\n" + body.substr(13) +
         "\r\n0\r\n" + trailer + "\r\n";
}

/// Two such replies are understood, however they are cut.
void expect_right(const std::string& head, bool chunked, const std::string& more = {}) {
  for (std::size_t piece = 1; piece < 256; piece += 1 + piece / 2) {
    Client client(payload, 2);
    for (const std::uint64_t number : {0U, 1U}) {
      const std::string body = client.body(number);
      client.hear(head + (chunked ? chunks(body, more) : body), piece);
      ASSERT_EQ(client.caller.answered(), number + 1) << head << "in pieces of " << piece;
    }
    ASSERT_FALSE(client.caller.wrong());
    ASSERT_EQ(client.caller.status(), 200);
    ASSERT_EQ(client.caller.unanswered(), 0U);
    ASSERT_EQ(client.caller.verified(), 2 * client.words.request_bytes());
  }
}

/// A reply that is none.
void expect_wrong(const std::string& head, bool chunked = false) {
  for (const std::size_t piece : {1U, 256U}) {
    Client client(payload);
    client.hear(head + (chunked ? chunks(client.body()) : client.body()), piece);
    EXPECT_TRUE(client.caller.wrong()) << head;
    EXPECT_TRUE(client.caller.done());
    EXPECT_EQ(client.caller.answered(), 0U) << head;
  }
}

TEST(HttpCaller, VerifiesEveryEchoOfOurServerWhateverTheCut) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    const std::uint64_t size = seed % 5 == 0 ? 0 : seed * 97 % 3'000;
    const HttpWords words(pattern(), size, "127.0.0.1:7007");
    Memory here(1 + seed * 13 % 500);
    Memory there(HttpSession::least_bytes + seed * 7 % 900);
    HttpCaller caller(words, seed, here);
    HttpSession server(there, {});
    caller.ask(9 * words.request_bytes());
    caller.finish();
    join(caller, server, RandomCuts(seed));
    ASSERT_FALSE(caller.wrong());
    ASSERT_TRUE(caller.done());
    ASSERT_EQ(caller.answered(), 9U);
  }
}

TEST(HttpCaller, SaysAWholeRequestAtOnce) {
  const HttpWords words(pattern(), 64, "[::1]:80");
  Memory memory(256);
  HttpCaller caller(words, 0, memory);
  EXPECT_TRUE(caller.output().empty());
  caller.ask(3 * words.request_bytes());
  EXPECT_EQ(caller.output().size(), 3 * words.request_bytes());
  const std::string head =
      "POST / HTTP/1.1\r\nHost: [::1]:80\r\nContent-Length: 64\r\n\r\n";
  EXPECT_EQ(words.head_bytes(), head.size());
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_EQ(std::memcmp(caller.output().data() + i * words.request_bytes(), head.data(),
                          head.size()),
              0);
}

TEST(HttpCaller, IsDoneWhenAllThatWasAskedIsAnswered) {
  Client client(payload, 2);
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n";
  client.caller.finish();
  client.hear(head + client.body(0));
  EXPECT_FALSE(client.caller.done());
  EXPECT_EQ(client.caller.unanswered(), client.words.request_bytes());
  client.hear(head + client.body(1).substr(0, 19));
  EXPECT_EQ(client.caller.answered(), 1U) << "half a reply is none";
  client.hear(client.body(1).substr(19));
  EXPECT_TRUE(client.caller.done());
  EXPECT_FALSE(client.caller.wrong());
}

TEST(HttpCaller, UnderstandsWhateverHeadAServerMayWrite) {
  expect_right("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n", false);
  expect_right(
      "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
      "content-type: application/octet-stream\r\ncontent-LENGTH:\t0020 \r\n"
      "Connection: keep-alive\r\n\r\n",
      false);
  expect_right("HTTP/1.0 200\r\nContent-Length: 20\r\nContent-Length: 20\r\n\r\n", false);
  expect_right("HTTP/1.1 200 OK\nContent-Length: 20\n\n", false);
  expect_right("HTTP/1.1 200 OK\r\nX: " + std::string(3'000, 'x') +
                   "\r\nContent-Length: 20\r\n\r\n",
               false);
  expect_right(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nContent-Length: 3\r\n\r\n"
      "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n",
      false);
  expect_right("HTTP/1.1 200 OK\r\nTRANSFER-encoding: Chunked\r\n\r\n", true);
  expect_right("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true,
               "Digest: x\r\nA: b\r\n");
}

TEST(HttpCaller, SeesAFlippedBitOfAnyByteOfTheBody) {
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n";
  for (std::size_t at = 0; at < 2 * payload; ++at)
    for (unsigned bit = 0; bit < 8; ++bit) {
      Client client(payload, 2);
      std::string bodies = client.body(0) + client.body(1);
      bodies[at] = static_cast<char>(bodies[at] ^ (1 << bit));
      client.hear(head + bodies.substr(0, payload) + head + bodies.substr(payload));
      ASSERT_TRUE(client.caller.wrong()) << "bit " << bit << " of byte " << at;
      ASSERT_EQ(client.caller.answered(), at / payload);
    }
}

TEST(HttpCaller, SaysWithWhichStatusItWasRefused) {
  Client client(payload);
  client.hear("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 20\r\n\r\n");
  EXPECT_TRUE(client.caller.wrong());
  EXPECT_EQ(client.caller.status(), 503);
}

TEST(HttpCaller, TakesNoOtherReplyForTheEcho) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  const std::string length = "Content-Length: 20\r\n";
  for (const std::string first :
       {"HTTP/1.1 206 Partial Content", "HTTP/1.1 101 Upgraded", "HTTP/2 200 OK",
        "HTTP/1.1 20", "HTTP/1.1  200 OK", "HTTP/1.1 2x0 OK", "hello", ""})
    expect_wrong(first + "\r\n" + length + "\r\n");
  for (const std::string value :
       {"19", "21", "-20", "20x", "", "2 0", "99999999999999999999"})
    expect_wrong(ok + "Content-Length: " + value + "\r\n\r\n");
  expect_wrong(ok + "\r\n");
  expect_wrong(ok + length + "Content-Length: 21\r\n\r\n");
  expect_wrong(ok + "Content-Length: 21\r\n" + length + "\r\n");
  expect_wrong(ok + length + "Transfer-Encoding: chunked\r\n\r\n", true);
  expect_wrong(ok + "Transfer-Encoding: gzip, chunked\r\n\r\n", true);
}

TEST(HttpCaller, TakesNoOtherChunksForTheEcho) {
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string body = Client(payload).body();
  for (const std::string& bad :
       {"13\r\n" + body.substr(0, 19) + "\r\n0\r\n\r\n",
        "15\r\n" + body + "x\r\n0\r\n\r\n", "14\r\n" + body + "\r\n1\r\nx\r\n0\r\n\r\n",
        "14\r\n" + body + "x\r\n0\r\n\r\n", "x\r\n" + body, "\r\n" + body,
        std::string("0\r\n\r\n"), std::string("15\r\n"),
        "a\r\n" + body.substr(0, 10) + "\r\nb\r\n"}) {
    Client client(payload);
    client.hear(head + bad);
    EXPECT_TRUE(client.caller.wrong()) << bad;
    EXPECT_EQ(client.caller.answered(), 0U);
  }
}

TEST(HttpCaller, TakesNoReplyThatItDidNotAskFor) {
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n";
  Client client(payload);
  const std::string reply = head + client.body(0);
  client.hear(reply);
  EXPECT_FALSE(client.caller.wrong());
  client.hear("H");
  EXPECT_EQ(client.caller.answered(), 1U);
  EXPECT_TRUE(client.caller.wrong());
}

TEST(HttpCaller, TakesNoByteBackThatItHasNotSaid) {
  for (const std::size_t said : {0U, 5U, 19U}) {
    const HttpWords words(pattern(), payload, "a:1");
    Memory memory(256);
    HttpCaller caller(words, 0, memory);
    caller.ask(words.request_bytes());
    caller.sent(words.head_bytes() + said);
    const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n";
    std::memcpy(memory.data(), head.data(), head.size());
    const Bytes body = words.body_at(0, 0, payload);
    std::ranges::copy(body, memory.data() + head.size());
    caller.received(head.size() + said);
    EXPECT_FALSE(caller.wrong()) << "the echo may be sooner than the request's end";
    memory[0] = body[said];
    caller.received(1);
    EXPECT_TRUE(caller.wrong());
  }
}

TEST(HttpCaller, SaysWhenNoOtherReplyWillCome) {
  for (const auto& [fields, is_over] :
       {std::pair{"HTTP/1.1 200 OK\r\nConnection: CLOSE\r\n", true},
        {"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n", false},
        {"HTTP/1.1 200 OK\r\n", false},
        {"HTTP/1.0 200 OK\r\n", true},
        {"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n", false}}) {
    Client client(payload);
    client.hear(std::string(fields) + "Content-Length: 20\r\n\r\n" +
                client.body().substr(0, 19));
    EXPECT_FALSE(client.caller.is_over()) << "this one is still coming: " << fields;
    client.hear(client.body().substr(19));
    EXPECT_EQ(client.caller.answered(), 1U);
    EXPECT_EQ(client.caller.is_over(), is_over) << fields;
  }
}

TEST(HttpCaller, NamesWhatIsWrongWithAHead) {
  for (const auto& [head, fault] :
       {std::pair{"HTTP/1.1 503 Oh\r\n\r\n", "the server answered 503"},
        {"HTTP/1.1 200 OK\r\n\r\n", "neither Content-Length nor chunks"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n", "has 21 B, and not 20"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n\x01", ""}}) {
    Client client(payload);
    client.hear(head);
    EXPECT_TRUE(client.caller.wrong());
    EXPECT_NE(client.caller.refusal().find(fault), std::string::npos)
        << client.caller.refusal();
    EXPECT_EQ(client.caller.refusal().empty(), *fault == '\0');
  }
}

/// GETs, each of which has to bring the first one's body.
struct Getter {
  explicit Getter(std::uint64_t requests)
      : words("/a", "a:1", body), memory(100), caller(words, 0, memory) {
    caller.ask(requests * words.request_bytes());
    while (!caller.output().empty()) caller.sent(caller.output().size());
  }
  Getter(const Getter&) = delete;
  Getter& operator=(const Getter&) = delete;

  void hear(std::string_view text, std::size_t piece = 100) {
    while (!text.empty() && !caller.done()) {
      const std::size_t n = std::min(piece, text.size());
      std::memcpy(memory.data(), text.data(), n);
      caller.received(n);
      text.remove_prefix(n);
    }
  }

  HttpBody body;
  HttpWords words;
  Memory memory;
  HttpCaller caller;
};

TEST(HttpGets, LearnTheFirstBodyAndVerifyTheOthersWhateverTheCut) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    HttpBody body;
    const HttpWords words("/", "a:1", body);
    Memory here(1 + seed * 13 % 500);
    Memory there(HttpSession::least_bytes);
    HttpCaller caller(words, seed, here);
    HttpSession server(there, {});
    caller.ask(9 * words.request_bytes());
    caller.finish();
    join(caller, server, RandomCuts(seed));
    ASSERT_FALSE(caller.wrong());
    ASSERT_TRUE(caller.done());
    ASSERT_EQ(caller.answered(), 9U);
    ASSERT_TRUE(body.is_whole);
    ASSERT_EQ(body.bytes.size(), 74U);
  }
}

TEST(HttpGets, SayNothingButAHead) {
  HttpBody body;
  const HttpWords words("/a?b=c", "[::1]:80", body);
  Memory memory(16);
  HttpCaller caller(words, 0, memory);
  caller.ask(2 * words.request_bytes());
  const Bytes said = caller.output();
  const std::string head = "GET /a?b=c HTTP/1.1\r\nHost: [::1]:80\r\n\r\n";
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(said.data()), said.size()),
            head + head);
}

TEST(HttpGets, SeeAFlippedBitOfAnyByteOfALaterBody) {
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
  for (std::size_t at = 0; at < 5; ++at)
    for (unsigned bit = 0; bit < 8; ++bit) {
      std::string body = "hello";
      body[at] = static_cast<char>(body[at] ^ (1 << bit));
      Getter getter(3);
      getter.hear(head + "hello" + head + "hello" + head + body);
      ASSERT_TRUE(getter.caller.wrong()) << "bit " << bit << " of byte " << at;
      ASSERT_EQ(getter.caller.answered(), 2U);
    }
}

TEST(HttpGets, TakeChunksForTheBodyThatTheyAre) {
  const std::string first = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::size_t piece : {1U, 7U, 100U}) {
    Getter getter(3);
    getter.hear(first + head + "1\r\nh\r\n4\r\nello\r\n0\r\n\r\n", piece);
    EXPECT_EQ(getter.caller.answered(), 2U);
    getter.hear(head + "4\r\nhell\r\n0\r\n\r\n", piece);
    EXPECT_TRUE(getter.caller.wrong()) << "one byte is missing";
  }
}

TEST(HttpGets, LearnNoBodyThatIsTooLongHoweverItComes) {
  const std::string chunk = "80000\r\n" + std::string(0x80000, 'x') + "\r\n";
  Getter whole(1);
  whole.hear("HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n");
  EXPECT_TRUE(whole.caller.wrong());
  Getter chunks(1);
  chunks.hear("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + chunk);
  EXPECT_FALSE(chunks.caller.wrong()) << "1 MiB is allowed";
  chunks.hear("1\r\nx");
  EXPECT_TRUE(chunks.caller.wrong());
  EXPECT_LE(chunks.body.bytes.size(), HttpBody::most_bytes);
  EXPECT_FALSE(chunks.body.is_whole);
}

TEST(HttpGets, TakeNoReplyToARequestThatIsNotYetSaid) {
  HttpBody body;
  const HttpWords words("/a", "a:1", body);
  Memory memory(100);
  HttpCaller caller(words, 0, memory);
  caller.ask(words.request_bytes());
  caller.sent(words.request_bytes() - 1);
  const std::string reply = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
  std::memcpy(memory.data(), reply.data(), reply.size());
  caller.received(reply.size());
  EXPECT_TRUE(caller.wrong());
}

TEST(HttpCaller, HearsNoEndlessHead) {
  for (const std::string more : {"x", "x: y\r\n", "HTTP/1.1 100 Continue\r\n\r\n"}) {
    Client client(payload);
    for (int i = 0; i < 100'000 && !client.caller.wrong(); ++i) {
      if (i == 0 && more[0] == 'x') client.hear("HTTP/1.1 200 OK\r\n");
      client.hear(more);
    }
    EXPECT_TRUE(client.caller.wrong()) << more;
  }
}

}  // namespace
}  // namespace echolab
