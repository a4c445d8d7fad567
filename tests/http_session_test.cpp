// HTTP without a socket: whatever the cut, the same bytes come back; each way to break
// the rules has its status and is the end; a body needs no more memory than a head.

#include <gtest/gtest.h>

#include <string>

#include "common/http.hpp"
#include "tests/memory_wire.hpp"

namespace echolab {
namespace {

using Memory = std::vector<std::byte>;

const std::string host = "Host: a\r\n";
const std::string end = "\r\n\r\n";
const std::string last_chunk = "0\r\n\r\n";

struct Server {
  explicit Server(std::size_t size = 16 * 1024, HttpLimits limits = {})
      : memory(size), session(memory, limits) {}
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Puts in as much of `text` as there is room for, and returns how much.
  std::size_t feed(std::string_view text) {
    const Room room = session.input();
    const std::size_t n = std::min(text.size(), room.size());
    std::copy_n(reinterpret_cast<const std::byte*>(text.data()), n, room.begin());
    if (n > 0) session.received(n);
    return n;
  }
  std::string take(std::size_t most = 1 << 30) {
    const Bytes out = session.output();
    const std::size_t n = std::min(most, out.size());
    std::string taken(reinterpret_cast<const char*>(out.data()), n);
    if (n > 0) session.sent(n);
    return taken;
  }
  std::string take_all(std::size_t piece = 1 << 30) {
    std::string all;
    while (!session.output().empty()) all += take(piece);
    return all;
  }
  /// Says all of `text` that it takes, in pieces, and returns all that comes back.
  std::string ask(std::string_view text, std::size_t piece = 1 << 30) {
    std::string back = take_all(piece);
    while (!text.empty() && !session.done()) {
      const std::size_t n = feed(text.substr(0, piece));
      EXPECT_GT(n, 0U) << "it owes nothing, is not done, and does not read";
      if (n == 0) return back;
      text.remove_prefix(n);
      back += take_all(piece);
    }
    return back;
  }

  Memory memory;
  HttpSession session;
};

std::string answer(std::string_view text, HttpLimits limits = {}) {
  return Server(16 * 1024, limits).ask(text);
}

std::string body_of(const std::string& reply) {
  return reply.substr(reply.find(end) + end.size());
}

std::string status_line(const std::string& reply) {
  return reply.substr(0, reply.find("\r\n"));
}

std::string get(const std::string& more = {}) {
  return "GET / HTTP/1.1\r\n" + host + more + "\r\n";
}
std::string post(const std::string& body, const std::string& more = {}) {
  return "POST /x?y HTTP/1.1\r\n" + host + more +
         "Content-Length: " + std::to_string(body.size()) + end + body;
}
std::string chunked(const std::string& chunks, const std::string& more = {}) {
  return "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n" + more + "\r\n" +
         chunks;
}
std::string echo_of(const std::string& body,
                    const std::string& type = "application/octet-stream") {
  return "HTTP/1.1 200 OK\r\nContent-Type: " + type +
         "\r\nContent-Length: " + std::to_string(body.size()) + end + body;
}
std::string chunked_echo(const std::string& chunks) {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
         "Transfer-Encoding: chunked" +
         end + chunks;
}
std::string text_of(std::size_t size) {
  const Memory bytes = noise(size);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
Memory memory_of(const std::string& text) {
  const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
  return {bytes, bytes + text.size()};
}

/// Everything that goes well, in one breath.
std::string many() {
  return "\r\n" + get() + post("abc", "Content-Type: text/css\r\n") +
         "HEAD * HTTP/1.1\r\n" + host + "\r\n" + post("") +
         chunked("3;x=\"y\"\r\nabc\r\n0010\r\n0123456789abcdef\r\n0\r\nA: b\r\n\r\n") +
         chunked("0\r\n\r\n") + "PUT /p HTTP/1.1\r\n" + host + "Content-Length: 2" + end +
         "xy" + post(text_of(3'000), "Expect: 100-Continue\r\n") +
         get("Connection: x\r\n");
}
std::string answer_to_many() {
  const std::string greeted = answer(get());
  const std::string head = greeted.substr(0, greeted.find(end) + end.size());
  return greeted + echo_of("abc", "text/css") + head + echo_of("") +
         chunked_echo("3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n") +
         chunked_echo("0\r\n\r\n") +
         "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD, POST\r\n"
         "Content-Length: 0\r\n\r\n"
         "HTTP/1.1 100 Continue\r\n\r\n" +
         echo_of(text_of(3'000)) + greeted;
}

/// Refused with this status, and then no more.
void expect_refused(const std::string& request, const std::string& status,
                    HttpLimits limits = {}) {
  for (const std::size_t piece : {1UL << 30, 1UL}) {
    SCOPED_TRACE(request.substr(0, 200));
    Server server(16 * 1024, limits);
    EXPECT_EQ(server.ask(get() + request + get(), piece),
              answer(get()) + "HTTP/1.1 " + status +
                  "\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    EXPECT_TRUE(server.session.done());
    EXPECT_TRUE(server.session.input().empty());
  }
}

void expect_bad(const std::string& request) {
  expect_refused(request, "400 Bad Request");
}

TEST(HttpSession, TellsAGetWhatThisIs) {
  const std::string reply = answer(get());
  EXPECT_EQ(status_line(reply), "HTTP/1.1 200 OK");
  EXPECT_NE(body_of(reply).find("echolab"), std::string::npos);
  EXPECT_NE(reply.find("\r\nContent-Type: text/plain\r\n"), std::string::npos);
  EXPECT_NE(
      reply.find("\r\nContent-Length: " + std::to_string(body_of(reply).size()) + "\r\n"),
      std::string::npos);
}

TEST(HttpSession, AnswersHeadWithTheHeadOfGet) {
  const std::string reply = answer("HEAD / HTTP/1.1\r\n" + host + "\r\n");
  EXPECT_EQ(body_of(reply), "");
  EXPECT_EQ(reply + body_of(answer(get())), answer(get()));
}

TEST(HttpSession, EchoesABodyWithItsType) {
  EXPECT_EQ(answer(post("abc")), echo_of("abc"));
  EXPECT_EQ(answer(post("")), echo_of(""));
  EXPECT_EQ(answer(post("abc", "content-TYPE:text/html; charset=utf-8 \t\r\n")),
            echo_of("abc", "text/html; charset=utf-8"));
  EXPECT_EQ(answer(post("abc", "Content-Type:\r\n")), echo_of("abc"));
  EXPECT_EQ(answer(post("GET / HTTP/1.1\r\n\r\n")), echo_of("GET / HTTP/1.1\r\n\r\n"));
  EXPECT_EQ(answer("POST / HTTP/1.1\r\n" + host + "\r\n"), echo_of(""));
}

TEST(HttpSession, AnswersTheSameHoweverTheStreamIsCut) {
  const std::string words = many();
  const std::string right = answer_to_many();
  for (std::size_t cut = 0; cut <= words.size(); ++cut) {
    Server server;
    const std::string first = server.ask(words.substr(0, cut));
    ASSERT_TRUE(first + server.ask(words.substr(cut)) == right) << "cut at " << cut;
    ASSERT_FALSE(server.session.done());
  }
}

TEST(HttpSession, AnswersTheSameInTheLeastMemoryAndAnyPieces) {
  for (std::size_t piece = 1; piece < 200; piece = piece * 3 / 2 + 1) {
    Server server(HttpSession::least_bytes);
    ASSERT_TRUE(server.ask(many(), piece) == answer_to_many()) << piece << " at once";
  }
}

TEST(HttpSession, AnswersTheSameUnderRandomCutsOfBothDirections) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    Server server(HttpSession::least_bytes + seed * 11 % 3'000);
    Talker talker(memory_of(many()), 1 + seed % 700);
    join(talker, server.session, RandomCuts(seed));
    ASSERT_TRUE(talker.heard() == memory_of(answer_to_many())) << seed;
  }
}

TEST(HttpSession, EchoesABodyOfTheLimitInMemoryThatIsMuchSmaller) {
  const std::string body = text_of(1 << 20);
  EXPECT_TRUE(answer(post(body)) == echo_of(body));
  EXPECT_TRUE(Server(HttpSession::least_bytes).ask(post(body) + get()) ==
              echo_of(body) + answer(get()));
  expect_refused(post(body + "x"), "413 Content Too Large");
}

TEST(HttpSession, ReadsNothingFromAPeerThatTakesNothing) {
  Server server;
  const std::string words = post(text_of(100'000));
  std::size_t fed = 0;
  for (std::size_t n = 1; n > 0; fed += n)
    n = server.feed(std::string_view(words).substr(fed));
  EXPECT_TRUE(server.session.input().empty());
  EXPECT_LE(fed, server.memory.size());
  EXPECT_TRUE(server.ask(std::string_view(words).substr(fed)) ==
              echo_of(text_of(100'000)));
}

TEST(HttpSession, UsesNoMemoryButTheLent) {
  Server server;
  const auto is_lent = [&](Bytes span) {
    return span.data() >= server.memory.data() &&
           span.data() + span.size() <= server.memory.data() + server.memory.size();
  };
  EXPECT_TRUE(is_lent(server.session.input()));
  server.feed(get() + post("abc"));
  EXPECT_TRUE(is_lent(server.session.input()));
  EXPECT_TRUE(is_lent(server.session.output()));
}

TEST(HttpSession, BeginsTheEchoBeforeTheBodyIsWhole) {
  Server server;
  const std::string words = post("abcdef");
  EXPECT_EQ(server.ask(words.substr(0, words.size() - 6)), "");
  EXPECT_EQ(server.ask("ab"), echo_of("abcdef").substr(0, echo_of("abcdef").size() - 4));
  EXPECT_EQ(server.ask("cdef"), "cdef");
}

TEST(HttpSession, EchoesTheChunksThatItGot) {
  Server server;
  EXPECT_EQ(server.ask(chunked("")), "");
  EXPECT_EQ(server.ask("0000A \t;a=b;c=\"d\"\r\n"), "");
  EXPECT_EQ(server.ask("01234"), chunked_echo("a\r\n01234"));
  EXPECT_EQ(server.ask("56789\r\n1\r\nx\r\n"), "56789\r\n1\r\nx\r\n");
  EXPECT_EQ(server.ask("000\r\nTrailer: is\r\nleft: out\r\n"), "");
  EXPECT_EQ(server.ask("\r\n"), "0\r\n\r\n");
  EXPECT_EQ(server.ask(get()), answer(get()));
}

TEST(HttpSession, ReadsTheBodyOfWhoeverHasOneAndEchoesOnlyPosts) {
  for (const std::string method : {"GET", "HEAD"}) {
    const std::string bare = answer(method + " / HTTP/1.1\r\n" + host + "\r\n");
    const std::string first = method + " / HTTP/1.1\r\n" + host;
    const std::string body(40, 'G');
    EXPECT_EQ(answer(first + "Content-Length: 40" + end + body + get()),
              bare + answer(get()));
    EXPECT_EQ(answer(first + "Transfer-Encoding: chunked" + end + "28\r\n" + body +
                     "\r\n0\r\n\r\n" + get()),
              bare + answer(get()));
  }
}

TEST(HttpSession, KeepsAliveOrClosesAsTheRequestSays) {
  const auto closes = [](const std::string& request) {
    Server server;
    const std::string reply = server.ask(request);
    EXPECT_EQ(status_line(reply), "HTTP/1.1 200 OK") << request;
    EXPECT_EQ(reply.find("\r\nConnection: close\r\n") != reply.npos,
              server.session.done());
    return server.session.done();
  };
  EXPECT_FALSE(closes(get()));
  EXPECT_FALSE(closes(get("Connection: Keep-Alive, Upgrade\r\n")));
  EXPECT_TRUE(closes(get("Connection: close\r\n")));
  EXPECT_TRUE(closes(get("Connection: keep-alive ,\t Close\r\n")));
  EXPECT_TRUE(closes(get("Connection: x\r\nCONNECTION: close\r\n")));
  EXPECT_TRUE(closes(post("abc", "Connection: close\r\n")));
  EXPECT_TRUE(closes("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_FALSE(closes("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
  EXPECT_NE(answer("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                .find("\r\nConnection: keep-alive\r\n"),
            std::string::npos);
}

TEST(HttpSession, AnswersNothingBehindAClose) {
  for (const std::size_t piece : {1UL << 30, 1UL}) {
    Server server;
    const std::string words = post("abc", "Connection: close\r\n");
    EXPECT_EQ(server.ask(words + get() + get(), piece), answer(words));
    EXPECT_TRUE(server.session.done());
  }
}

TEST(HttpSession, IsNotDoneWhileItOwes) {
  Server server;
  server.feed(get("Connection: close\r\n"));
  EXPECT_TRUE(server.session.input().empty());
  while (!server.session.output().empty()) {
    EXPECT_FALSE(server.session.done());
    server.take(1);
  }
  EXPECT_TRUE(server.session.done());
}

TEST(HttpSession, SaysContinueBeforeTheBodyToWhoWaitsForIt) {
  const std::string words = post("abc", "Expect: 100-continue\r\n");
  Server server;
  EXPECT_EQ(server.ask(words.substr(0, words.size() - 3)),
            "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(server.ask("abc"), echo_of("abc"));
  EXPECT_EQ(answer(get("Expect: 100-continue\r\n")), answer(get()))
      << "no body to wait for";
  EXPECT_EQ(
      answer("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1" + end + "a"),
      answer("POST / HTTP/1.0\r\nContent-Length: 1" + end + "a"));
  expect_refused(
      "POST / HTTP/1.1\r\n" + host + "Expect: 100-continue\r\nContent-Length: 11" + end,
      "413 Content Too Large", {.max_body_bytes = 10});
}

TEST(HttpSession, RefusesWhatIsNoRequest) {
  for (const std::string line :
       {"hello", "GET /", "GET / HTTP/1.1 ", " GET / HTTP/1.1", "GET  / HTTP/1.1",
        "GET / x HTTP/1.1", "GET /\tx HTTP/1.1", "GET /\x80 HTTP/1.1", "G(T / HTTP/1.1",
        "GET / HTTP/1.11", "GET / HTTP/1,1", "GET / http/1.1", "GET / HTTP/x.1",
        "GET  HTTP/1.1"})
    expect_bad(line + "\r\n" + host + "\r\n");
  expect_bad("GET / HTTP/1.1\n" + host + "\r\n");
  expect_bad("\n");
  expect_bad("\x16\x03\x01\x02\n");
}

TEST(HttpSession, RefusesAFieldThatIsNone) {
  for (const std::string line :
       {"x", ": x", "a b: c", "a : b", " folded: x", "\tx", "(: b"})
    expect_bad("GET / HTTP/1.1\r\n" + host + line + end);
  expect_bad("GET / HTTP/1.1\r\n" + host + "a: b\nc: d" + end);
  expect_bad("GET / HTTP/1.1\r\n" + host + std::string("a: \0", 4) + end);
  expect_bad("GET / HTTP/1.1\r\n" + host + "a: b\rc" + end);
  expect_bad("GET / HTTP/1.1\r\n" + host + "a: \x7f" + end);
  EXPECT_EQ(answer(get("a: \x80\t~\r\nb:\r\n")), answer(get()));
}

TEST(HttpSession, RefusesARequestWithoutExactlyOneHost) {
  expect_bad("GET / HTTP/1.1\r\n\r\n");
  expect_bad("GET / HTTP/1.1\r\n" + host + host + "\r\n");
  expect_bad("GET / HTTP/1.0\r\n" + host + host + "\r\n");
}

TEST(HttpSession, RefusesALengthThatHasTwoMeanings) {
  const auto with = [](const std::string& fields) {
    return "POST / HTTP/1.1\r\n" + host + fields + "\r\n\r\n";
  };
  for (const std::string length : {"", "-1", "+1", "1 1", "0x1", "1,", "1, 2", "1;", "a"})
    expect_bad(with("Content-Length: " + length));
  expect_bad(with("Content-Length: 1\r\nContent-Length: 2"));
  expect_bad(with("Content-Length: 1\r\nTransfer-Encoding: chunked") + last_chunk);
  expect_bad(with("Transfer-Encoding: chunked\r\nContent-Length: 1") + last_chunk);
  expect_bad(with("Transfer-Encoding: gzip\r\nContent-Length: 1"));
  expect_bad(with("Transfer-Encoding: chunked, chunked") + last_chunk);
  expect_bad(with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked") +
             last_chunk);
  expect_bad(with("Transfer-Encoding: "));
  expect_bad(with("Transfer-Encoding: ,chunked"));
  expect_bad("POST / HTTP/1.0\r\nTransfer-Encoding: chunked" + end + last_chunk);
  EXPECT_EQ(answer(with("Content-Length: 3\r\nContent-Length: 3, 003") + "abc"),
            echo_of("abc"));
}

TEST(HttpSession, RefusesABodyThatIsTooLong) {
  const std::string too_large = "413 Content Too Large";
  expect_refused(post("12345678901"), too_large, {.max_body_bytes = 10});
  expect_refused(chunked("b\r\n12345678901\r\n"), too_large, {.max_body_bytes = 10});
  expect_refused(post("1"), too_large, {.max_body_bytes = 0});
  for (const std::string length : {"18446744073709551616", "18446744073709551615",
                                   "99999999999999999999999999999999999999999"})
    expect_refused("POST / HTTP/1.1\r\n" + host + "Content-Length: " + length + end,
                   too_large);
  expect_refused(chunked("10000000000000000\r\n"), too_large);
  expect_refused(chunked("ffffffffffffffffffffffffffffff\r\n"), too_large);
  EXPECT_EQ(answer(post("1234567890"), {.max_body_bytes = 10}), echo_of("1234567890"));
  EXPECT_EQ(answer(chunked("a\r\n1234567890\r\n0\r\n\r\n"), {.max_body_bytes = 10}),
            chunked_echo("a\r\n1234567890\r\n0\r\n\r\n"));
}

TEST(HttpSession, RefusesABadFirstChunk) {
  for (const std::string line : {"", "x", "-1", " 1", "1 ", "0x1", "1 x", "1;\x01"})
    expect_bad(chunked(line + "\r\n"));
  expect_bad(chunked("1\n"));
  expect_bad(chunked("0\r\nno trailer\r\n\r\n"));
  expect_bad("GET / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked" + end +
             "1\r\nabc\r\n");
}

TEST(HttpSession, CountsTheChunksOfEachRequestAnew) {
  const std::string good = "8\r\n12345678\r\n0\r\n\r\n";
  EXPECT_EQ(answer(chunked(good) + chunked(good), {.max_body_bytes = 10}),
            chunked_echo(good) + chunked_echo(good));
  EXPECT_EQ(answer(chunked(good) + chunked("x\r\n")),
            chunked_echo(good) + answer(chunked("x\r\n")));
}

TEST(HttpSession, LeavesAnEchoWithoutItsEndWhenALaterChunkIsBad) {
  const auto cut_off = [](const std::string& chunks, const std::string& echoed) {
    for (const std::size_t piece : {1UL << 30, 1UL}) {
      Server server(16 * 1024, {.max_body_bytes = 10});
      EXPECT_EQ(server.ask(chunked(chunks) + get(), piece), chunked_echo(echoed))
          << chunks;
      EXPECT_TRUE(server.session.done());
    }
  };
  cut_off("3\r\nabcd\r\n", "3\r\nabc");
  cut_off("3\r\nabc\r\nx\r\n", "3\r\nabc\r\n");
  cut_off("3\r\nabc\r\n8\r\n12345678\r\n", "3\r\nabc\r\n");
  cut_off("3\r\nabc\r\n0\r\nbad trailer\r\n\r\n", "3\r\nabc\r\n");
}

TEST(HttpSession, RefusesAHeadThatDoesNotFitHalfTheMemory) {
  const std::size_t half = HttpSession::least_bytes / 2;
  const auto reply = [](const std::string& request, std::size_t piece) {
    return status_line(Server(HttpSession::least_bytes).ask(request, piece));
  };
  for (const std::size_t piece : {1UL << 30, 1UL, 7UL}) {
    const std::string rest = " HTTP/1.1\r\n" + host + "\r\n";
    const std::string fits = "GET /" + std::string(half - 5 - rest.size(), 'x');
    EXPECT_EQ(reply(fits + rest, piece), "HTTP/1.1 200 OK");
    EXPECT_EQ(reply(fits + "x" + rest, piece),
              "HTTP/1.1 431 Request Header Fields Too Large");
    EXPECT_EQ(reply("GET /" + std::string(half, 'x') + rest, piece),
              "HTTP/1.1 414 URI Too Long");
    EXPECT_EQ(reply(chunked("1;" + std::string(half, 'x')), piece),
              "HTTP/1.1 400 Bad Request");
    EXPECT_EQ(reply(chunked("0\r\na: " + std::string(half, 'x')), piece),
              "HTTP/1.1 431 Request Header Fields Too Large");
  }
}

TEST(HttpSession, RefusesATypeThatIsTooLongToBeEchoed) {
  const std::string type(256, 't');
  EXPECT_EQ(answer(post("a", "Content-Type: " + type + "\r\n")), echo_of("a", type));
  expect_refused(post("a", "Expect: 100-continue\r\nContent-Type: " + type + "t\r\n"),
                 "431 Request Header Fields Too Large");
}

TEST(HttpSession, RefusesOtherVersionsAndCodings) {
  for (const std::string version : {"0.9", "2.0", "3.1"})
    expect_refused("GET / HTTP/" + version + "\r\n" + host + "\r\n",
                   "505 HTTP Version Not Supported");
  EXPECT_EQ(answer("GET / HTTP/1.9\r\n" + host + "\r\n"), answer(get()));
  for (const std::string coding : {"gzip", "gzip, chunked", "identity", "chunked;q=1"})
    expect_refused("POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: " + coding + end,
                   "501 Not Implemented");
}

TEST(HttpSession, NamesTheMethodsThatItHasAndGoesOn) {
  for (const std::string method : {"PUT", "DELETE", "OPTIONS", "get", "G"}) {
    const std::string reply = answer(method + " / HTTP/1.1\r\n" + host + "\r\n" + get());
    EXPECT_EQ(reply,
              "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD, POST\r\n"
              "Content-Length: 0\r\n\r\n" +
                  answer(get()));
  }
}

}  // namespace
}  // namespace echolab
