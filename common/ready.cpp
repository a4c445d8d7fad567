#include "common/ready.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace echolab {

CLI::Option* add_ready_fd(CLI::App& parser, int& number) {
  return parser
      .add_option("--ready-fd", number,
                  "write 'READY endpoint=… pid=… model_pid=…' to this descriptor")
      ->check(CLI::Range(0, 1 << 20));
}

Fd take_ready_fd(int number) {
  if (number < 0) return Fd();
  if (::fcntl(number, F_GETFD) < 0)
    throw UsageError(fmt::format("--ready-fd: descriptor {} is not open", number));
  return number > STDERR_FILENO ? Fd(number) : Fd(::fcntl(number, F_DUPFD_CLOEXEC, 3));
}

void say_ready(const Fd& ready_fd, const std::string& endpoint, pid_t model) {
  if (!ready_fd) return;
  const std::string ready =
      fmt::format("READY endpoint={} pid={} model_pid={}\n", endpoint, ::getpid(), model);
  if (::write(ready_fd.get(), ready.data(), ready.size()) < 0)
    fmt::print(stderr, "{}: --ready-fd: {}\n", ::program_invocation_short_name,
               std::strerror(errno));
}

}  // namespace echolab
