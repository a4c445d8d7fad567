#include "tests/child_program.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "tests/eventually.hpp"
#include "tests/process_tree.hpp"

namespace echolab::tests {
namespace {

Fd memory_file() {
  return Fd(checked(::memfd_create("output", MFD_CLOEXEC), "memfd_create"));
}

std::string all_of(const Fd& file) {
  std::string text(static_cast<std::size_t>(::lseek(file.get(), 0, SEEK_END)), '\0');
  const ssize_t n = ::pread(file.get(), text.data(), text.size(), 0);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  return text;
}

void limit(rlim_t descriptors) {
  if (descriptors == 0) return;
  ::prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE);
  const rlimit both{.rlim_cur = descriptors, .rlim_max = descriptors};
  ::setrlimit(RLIMIT_NOFILE, &both);
}

}  // namespace

Program::Program(const char* path, std::vector<std::string> arguments,
                 const Streams& streams)
    : output_(memory_file()), errors_(memory_file()) {
  arguments.insert(arguments.begin(), path);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const Fd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const int input = streams.input < 0 ? nothing.get() : streams.input;
  const int output = streams.output < 0 ? output_.get() : streams.output;
  pid_ = checked(::fork(), "fork");
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(input, STDIN_FILENO);
    ::dup2(output, STDOUT_FILENO);
    ::dup2(errors_.get(), STDERR_FILENO);
    if (streams.output_closed) ::close(STDOUT_FILENO);
    limit(streams.descriptors);
    ::execv(path, argv.data());
    ::_exit(127);
  }
  pidfd_ = watch(pid_);
}

Program::~Program() {
  if (ended_) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void Program::signal(int number) const {
  if (!ended_) ::kill(pid_, number);
}

std::string Program::output() const {
  return all_of(output_);
}

std::string Program::errors() const {
  return all_of(errors_);
}

bool Program::said(std::string_view text) const {
  return eventually([&] { return errors().find(text) != std::string::npos; });
}

int Program::wait() {
  pollfd ended{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
  if (::poll(&ended, 1, static_cast<int>(3 * patience.count())) != 1) return -1;
  int status = 0;
  ::waitpid(pid_, &status, 0);
  ended_ = true;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void expect_one_line(const Program& program, const std::string& beginning) {
  const std::string errors = program.errors();
  EXPECT_EQ(std::ranges::count(errors, '\n'), 1) << errors;
  EXPECT_TRUE(errors.starts_with(beginning)) << errors;
  EXPECT_EQ(program.output(), "");
}

}  // namespace echolab::tests
