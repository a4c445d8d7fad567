// What this machine does not let a model do is said beforehand, with the reason.

#include "servers/availability.hpp"

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <functional>

#include "common/fd.hpp"

namespace echolab {
namespace {

Model model_that_learns_by(std::string_view readiness) {
  Model model = models().front();
  model.axes.readiness = readiness;
  return model;
}

/// What is said of a completion model in a child where `restrict` was called first.
std::string said_after(const std::function<void()>& restrict) {
  std::array<int, 2> ends{};
  checked(::pipe2(ends.data(), O_CLOEXEC), "pipe2");
  const Fd reader(ends[0]);
  Fd writer(ends[1]);
  const pid_t child = checked(::fork(), "fork");
  if (child == 0) {
    restrict();
    const auto why = unavailable_because(model_that_learns_by("completion"));
    const std::string said = why.value_or("available");
    const ssize_t written = ::write(writer.get(), said.data(), said.size());
    ::_exit(written > 0 ? 0 : 1);
  }
  writer.reset();
  std::string said(500, '\0');
  said.resize(static_cast<std::size_t>(
      std::max<ssize_t>(0, ::read(reader.get(), said.data(), said.size()))));
  ::waitpid(child, nullptr, 0);
  return said;
}

/// From now on io_uring_setup fails with `error` in this process.
void forbid_rings(int error) {
  std::array<sock_filter, 4> program{{
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_io_uring_setup},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  }};
  const sock_fprog filter{.len = program.size(), .filter = program.data()};
  checked(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl(no new privileges)");
  checked(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), "prctl(seccomp)");
}

TEST(Availability, models_without_rings_are_available_wherever_they_compile) {
  for (const Model& model : models()) {
    if (model.axes.readiness == "completion") continue;
    EXPECT_FALSE(unavailable_because(model)) << model.name;
  }
}

TEST(Availability, a_forbidden_io_uring_is_called_forbidden) {
  EXPECT_NE(said_after([] { forbid_rings(EPERM); }).find("forbidden"), std::string::npos);
}

TEST(Availability, a_kernel_without_io_uring_is_said_to_have_none) {
  EXPECT_EQ(said_after([] { forbid_rings(ENOSYS); }), "the kernel has no io_uring");
}

TEST(Availability, any_other_refusal_is_quoted) {
  EXPECT_EQ(said_after([] { forbid_rings(ENOMEM); }),
            "io_uring_setup: Cannot allocate memory");
}

TEST(Availability, an_old_kernel_is_named) {
  const std::string said = said_after([] { ::personality(UNAME26); });
  EXPECT_TRUE(said.starts_with("needs Linux 6.1, this is 2.6.")) << said;
}

}  // namespace
}  // namespace echolab
