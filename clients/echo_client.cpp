// echo_client: standard input to the server, its replies to standard output.
//
// The client of the textbooks. Streams (UNP 6.7): it waits for both sides at once, sends
// what it reads, half-closes at the end of its input and reads on to the end of the
// replies. Datagrams (UNP 8.6): each line is one, whose reply is waited for, but not for
// ever.

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "common/drive.hpp"
#include "common/program.hpp"

namespace echolab {
namespace {

constexpr const char* examples =
    "Examples:\n"
    "  echo_client                              talk to tcp://127.0.0.1:7007\n"
    "  echo hello | echo_client tcp://[::1]:7007\n"
    "  echo_client unix:///tmp/echo.sock < file | cmp - file\n"
    "  echo hello | echo_client udp://127.0.0.1:7007\n"
    "Over udp:// and unixgram:// each line of the input, with its end, is one datagram; "
    "of a\n"
    "line of more than 65507 bytes, each part of so many.\n";

/// Bytes on their way from one descriptor to another; bounded, so that a side that does
/// not read stops the other.
class Pipe {
 public:
  Pipe(int from, int to) : from_(from), to_(to) {}

  [[nodiscard]] pollfd source() const {
    const bool wanted = !ended_ && first_ == last_;
    return {.fd = wanted ? from_ : -1, .events = POLLIN, .revents = 0};
  }
  [[nodiscard]] pollfd sink() const {
    return {.fd = first_ < last_ ? to_ : -1, .events = POLLOUT, .revents = 0};
  }
  /// Nothing will come any more, and nothing is left.
  [[nodiscard]] bool over() const { return ended_ && first_ == last_; }
  [[nodiscard]] std::uint64_t moved() const { return moved_; }

  void fill() {
    const ssize_t n = ::read(from_, bytes_.data(), bytes_.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (n < 0)
      throw Failure(ExitCode::failure, fmt::format("reading: {}", std::strerror(errno)));
    ended_ = n == 0;
    first_ = 0;
    last_ = static_cast<std::size_t>(n);
  }
  void drain() {
    const ssize_t n = ::write(to_, bytes_.data() + first_, last_ - first_);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (n < 0)
      throw Failure(ExitCode::failure, fmt::format("writing: {}", std::strerror(errno)));
    first_ += static_cast<std::size_t>(n);
    moved_ += static_cast<std::size_t>(n);
  }

 private:
  int from_;
  int to_;
  bool ended_ = false;
  std::size_t first_ = 0;
  std::size_t last_ = 0;
  std::uint64_t moved_ = 0;
  std::array<std::byte, 64 * 1024> bytes_;
};

/// Until the server has ended its side. Returns failure when it did so before its time:
/// before the end of the input, or before every byte had come back.
ExitCode talk(int server) {
  Pipe up(STDIN_FILENO, server);
  Pipe down(server, STDOUT_FILENO);
  bool half_closed = false;
  while (!down.over()) {
    std::array waits{up.source(), up.sink(), down.source(), down.sink()};
    if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) checked(-1, "poll");
    if (waits[0].revents != 0) up.fill();
    if (waits[1].revents != 0) up.drain();
    if (waits[2].revents != 0) down.fill();
    if (waits[3].revents != 0) down.drain();
    if (up.over() && !half_closed) {
      ::shutdown(server, SHUT_WR);
      half_closed = true;
    }
  }
  if (half_closed && down.moved() == up.moved()) return ExitCode::ok;
  fmt::print(stderr,
             "echo_client: the server closed the connection: {} of {} B came back\n",
             down.moved(), up.moved());
  return ExitCode::failure;
}

/// Standard input in lines.
class Lines {
 public:
  /// The next line with its end, or as much of it as fits a datagram; empty at the end.
  std::string next() {
    for (std::size_t looked_at = 0;;) {
      const std::size_t end = text_.find('\n', looked_at);
      const std::size_t size = end == text_.npos ? text_.size() : end + 1;
      if (end != text_.npos || size >= longest_datagram || ended_)
        return take(std::min(size, longest_datagram));
      looked_at = size;
      read_more();
    }
  }

 private:
  std::string take(std::size_t size) {
    std::string line = text_.substr(0, size);
    text_.erase(0, size);
    return line;
  }
  void read_more() {
    std::array<char, 64 * 1024> bytes;
    const ssize_t n = ::read(STDIN_FILENO, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) return;
    if (n < 0)
      throw Failure(ExitCode::failure, fmt::format("reading: {}", std::strerror(errno)));
    ended_ = n == 0;
    text_.append(bytes.data(), static_cast<std::size_t>(n));
  }

  std::string text_;
  bool ended_ = false;
};

void print(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(STDOUT_FILENO, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      throw Failure(ExitCode::failure, fmt::format("writing: {}", std::strerror(errno)));
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

/// Throws Unreachable when the network says that nobody is there.
ssize_t delivered(ssize_t moved, const Endpoint& server) {
  if (moved == -ECONNREFUSED || moved == -ECONNRESET || moved == -ENOTCONN)
    throw Unreachable(fmt::format("{}: {}; is a server listening there?", server.text(),
                                  std::strerror(static_cast<int>(-moved))));
  if (moved < 0)
    throw Failure(
        ExitCode::failure,
        fmt::format("{}: {}", server.text(), std::strerror(static_cast<int>(-moved))));
  return moved;
}

/// True when `request` comes back before `timeout` has passed. What comes instead is
/// the reply to an earlier one, or nobody's: said, and not taken for it.
bool ask(int fd, const std::string& request, const Endpoint& server,
         Nanoseconds timeout) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + timeout;
  delivered(transmit(fd, std::as_bytes(std::span(request))), server);
  std::string reply(longest_datagram + 1, '\0');
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd news{.fd = fd, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&news, 1, static_cast<int>(std::max(0L, left.count())));
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) return false;
    const ssize_t n =
        delivered(receive(fd, std::as_writable_bytes(std::span(reply))), server);
    const auto came = std::string_view(reply).substr(0, static_cast<std::size_t>(n));
    if (came == request) return true;
    fmt::print(stderr, "echo_client: ignored: {} B that are not the reply\n", n);
  }
}

/// Line by line; failure when a datagram was lost.
ExitCode talk_in_datagrams(int fd, const Endpoint& server, Nanoseconds timeout) {
  Lines lines;
  std::uint64_t asked = 0;
  std::uint64_t lost = 0;
  for (std::string line = lines.next(); !line.empty(); line = lines.next()) {
    ++asked;
    if (ask(fd, line, server, timeout)) {
      print(line);
      continue;
    }
    ++lost;
    fmt::print(stderr, "echo_client: lost: no reply to datagram {} ({} B) within {}\n",
               asked, line.size(), show_duration(static_cast<double>(timeout.count())));
  }
  if (lost == 0) return ExitCode::ok;
  fmt::print(stderr, "echo_client: {} of {} datagrams were lost\n", lost, asked);
  return ExitCode::failure;
}

ExitCode start(int argc, char** argv) {
  Endpoint server = Endpoint::parse("tcp://127.0.0.1:7007");
  CLI::App parser("Sends standard input to an echo server and prints what comes back.",
                  "echo_client");
  set_up_parser(parser, examples);
  add_endpoint(parser, "server", server, "endpoint of the server");
  Nanoseconds timeout = std::chrono::seconds(1);
  add_duration(parser, "--timeout", timeout,
               "udp, unixgram: a datagram without a reply by then is lost",
               std::chrono::milliseconds(1), std::chrono::hours(1));
  if (!parse_command_line(parser, argc, argv)) return ExitCode::ok;
  const Fd connection = connect_to(server);
  if (server.is_datagram()) return talk_in_datagrams(connection.get(), server, timeout);
  // Non-blocking, or a write of more than the server takes would wait while the replies
  // that it waits for us to read fill up: a deadlock of two polite programs (UNP 16.2).
  set_non_blocking(connection.get());
  return talk(connection.get());
}

}  // namespace
}  // namespace echolab

int main(int argc, char** argv) {
  return echolab::run_program("echo_client", [&] { return echolab::start(argc, argv); });
}
