#include "servers/availability.hpp"

#include <fmt/format.h>
#include <linux/io_uring.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "common/fd.hpp"
#include "common/program.hpp"

namespace echolab {
namespace {

/// Empty when the kernel is at least `major.minor`.
std::optional<std::string> older_kernel(int major, int minor) {
  utsname name{};
  ::uname(&name);
  const auto numbers = split(name.release, '.');
  const auto number = [&](std::size_t i) {
    int value = 0;
    if (i < numbers.size())
      std::from_chars(numbers[i].data(), numbers[i].data() + numbers[i].size(), value);
    return value;
  };
  const int its_major = number(0);
  const int its_minor = number(1);
  if (its_major > major || (its_major == major && its_minor >= minor))
    return std::nullopt;
  return fmt::format("needs Linux {}.{}, this is {}", major, minor, name.release);
}

/// What io_uring_setup(2) says to the smallest ring.
std::optional<std::string> no_ring() {
  io_uring_params params{};
  const Fd ring(static_cast<int>(::syscall(SYS_io_uring_setup, 1, &params)));
  if (ring) return std::nullopt;
  if (errno == ENOSYS) return "the kernel has no io_uring";
  if (errno == EPERM)
    return "io_uring is forbidden here: kernel.io_uring_disabled, or a seccomp filter";
  return fmt::format("io_uring_setup: {}", std::strerror(errno));
}

}  // namespace

std::optional<std::string> unavailable_because(const Model& model) {
  if (model.axes.readiness != "completion") return std::nullopt;
  if (auto older = older_kernel(6, 1)) return older;
  return no_ring();
}

}  // namespace echolab
