// echo_client: standard input to the server, its replies to standard output.
//
// The client of the textbooks (UNP 6.7): it waits for both sides at once, sends what it
// reads, half-closes at the end of its input and reads on to the end of the replies.

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "common/drive.hpp"
#include "common/program.hpp"

namespace echolab {
namespace {

constexpr const char* examples =
    "Examples:\n"
    "  echo_client                              talk to tcp://127.0.0.1:7007\n"
    "  echo hello | echo_client tcp://[::1]:7007\n"
    "  echo_client unix:///tmp/echo.sock < file | cmp - file\n";

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

ExitCode start(int argc, char** argv) {
  Endpoint server = Endpoint::parse("tcp://127.0.0.1:7007");
  CLI::App parser("Sends standard input to an echo server and prints what comes back.",
                  "echo_client");
  set_up_parser(parser, examples);
  add_endpoint(parser, "server", server, "endpoint of the server");
  if (!parse_command_line(parser, argc, argv)) return ExitCode::ok;
  const Fd connection = connect_to(server);
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
