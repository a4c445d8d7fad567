#include "tests/server_process.hpp"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <csignal>

namespace echolab::tests {
namespace {

constexpr std::chrono::seconds ready_within{10 * slowness};

/// The text after `key` up to the next blank or line end.
std::string_view field(std::string_view line, std::string_view key) {
  const std::size_t at = line.find(key);
  if (at == line.npos) return {};
  line.remove_prefix(at + key.size());
  return line.substr(0, line.find_first_of(" \n"));
}

int poll_ms(std::chrono::steady_clock::time_point deadline) {
  const auto left = deadline - std::chrono::steady_clock::now();
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return ms > 0 ? static_cast<int>(ms) : 0;
}

[[noreturn]] void give_up(std::string_view why) {
  [[maybe_unused]] const ssize_t n = ::write(STDERR_FILENO, why.data(), why.size());
  ::_exit(127);
}

bool limit_self(const StartOptions& options) {
  for (const auto& [resource, value] : options.limits) {
    const rlimit limit{.rlim_cur = value, .rlim_max = value};
    if (::setrlimit(resource, &limit) != 0) return false;
  }
  if (!options.uid) return true;
  return ::setgroups(0, nullptr) == 0 && ::setgid(*options.uid) == 0 &&
         ::setuid(*options.uid) == 0;
}

}  // namespace

ServerProcess::ServerProcess(std::string_view model, const std::string& endpoint,
                             const StartOptions& options)
    : log_(checked(::memfd_create("echo_server output", MFD_CLOEXEC), "memfd_create")) {
  std::array<int, 2> ends{};
  checked(::pipe2(ends.data(), O_CLOEXEC), "pipe2");
  const Fd ready(ends[0]);
  Fd ready_in_child(ends[1]);
  std::vector<std::string> arguments{
      ECHO_SERVER, "--model",    std::string(model),     "--listen",
      endpoint,    "--ready-fd", std::to_string(ends[1])};
  arguments.insert(arguments.end(), options.flags.begin(), options.flags.end());
  // Each of its clients' programs would look for leaks at its end, in a process that
  // traces it: there may be none left, and a storm of signals stops both for ever.
  if (model == "exec_per_client") ::setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
  start(arguments, options, ready_in_child.get());
  ready_in_child.reset();
  await_ready(ready);
}

// Between fork and exec only what is safe in a signal handler: the test may have threads.
// The program is opened before the uid changes, who may not be able to reach its folder.
// PR_SET_PDEATHSIG comes after that change, which clears it (prctl(2)). What the test's
// own surroundings left open is not handed on: tests count descriptors.
void ServerProcess::start(const std::vector<std::string>& arguments,
                          const StartOptions& options, int ready_fd) {
  std::vector<char*> argv;
  for (const auto& argument : arguments)
    argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const Fd program(checked(::open(ECHO_SERVER, O_PATH | O_CLOEXEC), ECHO_SERVER));
  const pid_t parent = ::getpid();
  pid_ = checked(::fork(), "fork");
  if (pid_ == 0) {
    ::dup2(log_.get(), STDOUT_FILENO);
    ::dup2(log_.get(), STDERR_FILENO);
    if (!limit_self(options)) give_up("cannot set its limits or its uid\n");
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) give_up("its test is gone\n");
    ::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    ::fcntl(ready_fd, F_SETFD, 0);
    for (int i = 0; i < options.descriptors; ++i) ::dup(STDIN_FILENO);
    ::fexecve(program.get(), argv.data(), environ);
    give_up("cannot execute echo_server\n");
  }
  pidfd_ = watch(pid_);
}

void ServerProcess::await_ready(const Fd& ready) {
  const auto deadline = std::chrono::steady_clock::now() + ready_within;
  std::string line;
  while (line.find('\n') == line.npos) {
    pollfd readable{.fd = ready.get(), .events = POLLIN, .revents = 0};
    if (::poll(&readable, 1, poll_ms(deadline)) <= 0) return;
    std::array<char, 512> part;
    const ssize_t n = ::read(ready.get(), part.data(), part.size());
    if (n <= 0) return;
    line.append(part.data(), static_cast<std::size_t>(n));
  }
  endpoint_ = Endpoint::parse(field(line, "endpoint="));
  const std::string_view number = field(line, "model_pid=");
  std::from_chars(number.data(), number.data() + number.size(), model_pid_);
}

ServerProcess::~ServerProcess() {
  if (exit_code_) return;
  const ProcessTree left = tree();
  signal(SIGKILL);
  for (const pid_t pid : left.pids) ::kill(pid, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

std::string ServerProcess::log() const {
  std::string text;
  std::array<char, 4096> part;
  for (;;) {
    const ssize_t n =
        ::pread(log_.get(), part.data(), part.size(), static_cast<off_t>(text.size()));
    if (n <= 0) return text;
    text.append(part.data(), static_cast<std::size_t>(n));
  }
}

void ServerProcess::signal(int number) const {
  if (!exit_code_) ::kill(pid_, number);
}

std::optional<int> ServerProcess::wait_for_exit(std::chrono::milliseconds bound) {
  if (exit_code_) return exit_code_;
  pollfd ended{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
  if (::poll(&ended, 1, static_cast<int>(bound.count())) <= 0) return std::nullopt;
  int status = 0;
  ::waitpid(pid_, &status, 0);
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return exit_code_;
}

int ServerProcess::stop(std::chrono::milliseconds bound) {
  signal(SIGTERM);
  return wait_for_exit(bound).value_or(-1);
}

}  // namespace echolab::tests
