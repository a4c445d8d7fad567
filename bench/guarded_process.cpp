#include "bench/guarded_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>
#include <system_error>
#include <utility>

#include "common/affinity.hpp"

namespace echolab {
namespace {

// What follows runs in forked children of a process that may have several threads: only
// calls that are async-signal-safe (signal-safety(7)), and system calls.

struct Execution {
  char* const* command;
  char* const* environment;
  const std::vector<int>& cpus;
  int output;
};

[[noreturn]] void become(const Execution& program, pid_t guard) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != guard) ::_exit(127);  // it died before that could be told
  ::setpgid(0, 0);                         // Ctrl-C is for the runner
  for (const int ignored : {SIGPIPE, SIGXFSZ}) std::signal(ignored, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  pin_this_thread(program.cpus);
  ::dup2(program.output, STDERR_FILENO);
  ::dup2(program.output, STDOUT_FILENO);
  ::execvpe(program.command[0], program.command, program.environment);
  constexpr std::string_view sorry = "the program cannot be executed\n";
  [[maybe_unused]] const auto written =
      ::write(STDERR_FILENO, sorry.data(), sorry.size());
  ::_exit(127);
}

/// Kills this process's children (proc(5)).
void kill_children() {
  const Fd children(::open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> text{};
  pid_t pid = 0;
  for (;;) {
    const ssize_t n = ::read(children.get(), text.data(), text.size());
    if (n <= 0) return;
    for (ssize_t i = 0; i < n; ++i) {  // "123 456 ": each number ends with a blank
      const char c = text[static_cast<std::size_t>(i)];
      if (c >= '0' && c <= '9') {
        pid = pid * 10 + (c - '0');
      } else if (pid > 0) {
        ::kill(pid, SIGKILL);
        pid = 0;
      }
    }
  }
}

/// The orphans of those that are killed come here, and are killed in the next turn. Gives
/// up after 10 s: what a signal cannot end then is the kernel's.
[[noreturn]] void kill_all() {
  for (int turn = 0; turn < 10'000; ++turn) {
    kill_children();
    pid_t ended = 0;
    do ended = ::waitpid(-1, nullptr, WNOHANG);
    while (ended > 0);
    if (ended < 0) ::_exit(0);
    ::poll(nullptr, 0, 1);
  }
  ::_exit(1);
}

/// The standard streams of a guard, which keeps nothing else of the runner's: other
/// descriptors may be locks and pipes.
enum GuardStream { leash, output, answer };

void keep_alone(const std::array<int, 3>& streams) {
  for (int i = 0; i < 3; ++i) ::dup2(streams[static_cast<std::size_t>(i)], i);
  ::syscall(SYS_close_range, 3, ~0U, 0);
}

/// The last of a program's words, where it could not say them itself.
void say_end(int status) {
  if (!WIFSIGNALED(status)) return;
  constexpr std::string_view words = "it was killed by signal ";
  const auto tens = static_cast<char>('0' + WTERMSIG(status) / 10);
  const auto ones = static_cast<char>('0' + WTERMSIG(status) % 10);
  const std::array<char, 3> number{tens, ones, '\n'};
  const std::size_t skipped = tens == '0' ? 1 : 0;
  [[maybe_unused]] ssize_t written = ::write(output, words.data(), words.size());
  written = ::write(output, number.data() + skipped, number.size() - skipped);
}

/// Reaps whoever ended. False once the program has, or had before.
bool reap(pid_t program, bool is_there) {
  int status = 0;
  for (pid_t ended = 0; (ended = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    if (ended != program || !is_there) continue;
    say_end(status);
    Fd(answer).reset();
    is_there = false;
  }
  return is_there;
}

/// Until the leash ends, which nobody but the runner holds.
[[noreturn]] void watch_over(pid_t program) {
  sigset_t ended;
  ::sigemptyset(&ended);
  ::sigaddset(&ended, SIGCHLD);
  const int news = ::signalfd(-1, &ended, SFD_CLOEXEC | SFD_NONBLOCK);
  std::array<pollfd, 2> ready{{{.fd = leash, .events = POLLIN, .revents = 0},
                               {.fd = news, .events = POLLIN, .revents = 0}}};
  for (bool is_there = true;;) {
    ::poll(ready.data(), ready.size(), -1);
    signalfd_siginfo which{};
    while (::read(news, &which, sizeof which) > 0) {
    }
    is_there = reap(program, is_there);
    if (ready[0].revents == 0) continue;
    char wish = 0;
    if (::read(leash, &wish, 1) <= 0) kill_all();
    if (is_there) ::kill(program, SIGTERM);
  }
}

/// The guard: starts the program, says its number and watches over it.
[[noreturn]] void guard(const Execution& program, int leash_fd, int answer_fd) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  ::setpgid(0, 0);
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  const pid_t self = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) become(program, self);
  const int told = pid > 0 ? pid : -errno;
  keep_alone({leash_fd, program.output, answer_fd});
  if (::write(answer, &told, sizeof told) < 0 || pid < 0) kill_all();
  watch_over(pid);
}

/// The environment without options of ours: a server has those that the results show.
std::vector<char*> environment_of_servers() {
  std::vector<char*> kept;
  for (char** variable = environ; *variable != nullptr; ++variable)
    if (!std::string_view(*variable).starts_with("ECHOLAB_")) kept.push_back(*variable);
  kept.push_back(nullptr);
  return kept;
}

std::array<Fd, 2> make_pipe() {
  std::array<int, 2> ends{};
  checked(::pipe2(ends.data(), O_CLOEXEC), "pipe2");
  return {Fd(ends[0]), Fd(ends[1])};
}

}  // namespace

GuardedProcess::GuardedProcess(const Program& program) {
  std::vector<char*> words;
  for (const std::string& word : program.command)
    words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const std::vector<char*> environment = environment_of_servers();
  auto [leash_there, leash_here] = make_pipe();
  auto [answer_here, answer_there] = make_pipe();
  guard_ = checked(::fork(), "fork");
  if (guard_ == 0) {
    leash_here.reset();
    guard({words.data(), environment.data(), program.cpus, program.output},
          leash_there.get(), answer_there.get());
  }
  leash_ = std::move(leash_here);
  answer_ = std::move(answer_here);
  answer_there.reset();
  int told = -ESRCH;  // should it have been killed before it could say
  [[maybe_unused]] const ssize_t n = ::read(answer_.get(), &told, sizeof told);
  if (told > 0) {
    pid_ = told;
    return;
  }
  stop({});
  throw std::system_error(-told, std::generic_category(), "fork");
}

GuardedProcess::~GuardedProcess() {
  stop({});
}

bool GuardedProcess::has_ended_within(std::chrono::milliseconds patience) const {
  pollfd ended{.fd = answer_.get(), .events = POLLIN, .revents = 0};
  return ::poll(&ended, 1, static_cast<int>(patience.count())) > 0;
}

void GuardedProcess::stop(std::chrono::milliseconds patience) {
  if (guard_ < 0) return;
  if (patience.count() > 0 && ::write(leash_.get(), "T", 1) == 1)
    (void)has_ended_within(patience);
  leash_.reset();
  while (::waitpid(guard_, nullptr, 0) < 0 && errno == EINTR) {
  }
  guard_ = -1;
}

}  // namespace echolab
