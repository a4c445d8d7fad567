// echo_client as a program: every byte comes back, or it says why not.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <string>
#include <utility>

#include "tests/child_program.hpp"
#include "tests/eventually.hpp"
#include "tests/test_server.hpp"

namespace echolab::tests {
namespace {

/// A file in memory to read from the begin.
Fd file_of(const std::string& text) {
  Fd file(checked(::memfd_create("input", MFD_CLOEXEC), "memfd_create"));
  EXPECT_EQ(::write(file.get(), text.data(), text.size()), std::ssize(text));
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

std::pair<Fd, Fd> make_pipe() {
  std::array<int, 2> ends{};
  checked(::pipe2(ends.data(), O_CLOEXEC), "pipe2");
  return {Fd(ends[0]), Fd(ends[1])};
}

std::string some_text(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * i >> 7);
  return text;
}

TEST(EchoClient, ReturnsTheBytesThatItWasGiven) {
  const TestServer server(each(echo));
  for (const std::size_t size : {0u, 1u, 5'000u, 8u << 20}) {
    const std::string text = some_text(size);
    const Fd input = file_of(text);
    Program client(ECHO_CLIENT, {server.endpoint().text()}, {.input = input.get()});
    EXPECT_EQ(client.wait(), 0) << size;
    EXPECT_TRUE(client.output() == text) << size;
    EXPECT_EQ(client.errors(), "");
  }
}

TEST(EchoClient, RepliesComeBeforeTheInputEnds) {
  const TestServer server(each(echo));
  auto [input, keyboard] = make_pipe();
  Program client(ECHO_CLIENT, {server.endpoint().text()}, {.input = input.get()});
  for (const std::string typed : {"one", "onetwo"}) {
    ASSERT_EQ(::write(keyboard.get(), typed.data() + typed.size() - 3, 3), 3);
    EXPECT_TRUE(eventually([&] { return client.output() == typed; }));
  }
  keyboard.reset();
  EXPECT_EQ(client.wait(), 0);
}

TEST(EchoClient, NothingListensIsUnreachable) {
  const RefusingServer server;
  Program client(ECHO_CLIENT, {server.endpoint().text()}, {});
  EXPECT_EQ(client.wait(), 3);
  expect_one_line(client, "echo_client: cannot connect to");
}

TEST(EchoClient, FailsWhenTheServerClosesBeforeTheInputEnds) {
  const TestServer server(each([](int) {}));
  const auto [input, keyboard] = make_pipe();
  Program client(ECHO_CLIENT, {server.endpoint().text()}, {.input = input.get()});
  EXPECT_EQ(client.wait(), 1);
  expect_one_line(client, "echo_client: the server closed the connection");
}

TEST(EchoClient, FailsWhenNotEveryByteCameBack) {
  const TestServer server(each([](int client) {
    const std::string all = take(client, 4'096);
    give(client, all.substr(0, all.size() / 2));
  }));
  const Fd input = file_of(some_text(100));
  Program client(ECHO_CLIENT, {server.endpoint().text()}, {.input = input.get()});
  EXPECT_EQ(client.wait(), 1);
  EXPECT_TRUE(client.output() == some_text(50));
  EXPECT_NE(client.errors().find("50 of 100 B came back"), std::string::npos);
}

TEST(EchoClient, FailsWhenTheServerIsGoneInTheMiddle) {
  const TestServer server(each([](int client) {
    take(client, 1'000);
    close_with_reset(client);
  }));
  const Fd input = file_of(some_text(8 << 20));
  Program client(ECHO_CLIENT, {server.endpoint().text()}, {.input = input.get()});
  EXPECT_EQ(client.wait(), 1);
  EXPECT_TRUE(client.errors().starts_with("echo_client: "));
}

TEST(EchoClient, FailsWhenNobodyReadsItsOutput) {
  const TestServer server(each(echo));
  const Fd input = file_of(some_text(1'000));
  auto [reader, output] = make_pipe();
  reader.reset();
  Program client(ECHO_CLIENT, {server.endpoint().text()},
                 {.input = input.get(), .output = output.get()});
  EXPECT_EQ(client.wait(), 1);
  expect_one_line(client, "echo_client: writing: Broken pipe");
}

// The socket must not take the place of stdout, or replies would be echoed for ever.
TEST(EchoClient, FailsWhenItsOutputIsClosed) {
  const TestServer server(each(echo));
  const Fd input = file_of(some_text(1'000));
  Program client(ECHO_CLIENT, {server.endpoint().text()},
                 {.input = input.get(), .output_closed = true});
  EXPECT_EQ(client.wait(), 1);
  expect_one_line(client, "echo_client: writing: Bad file descriptor");
}

}  // namespace
}  // namespace echolab::tests
