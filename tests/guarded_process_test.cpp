// A guarded program ends as it was asked to, and whatever it forked ends with it.

#include "bench/guarded_process.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "tests/eventually.hpp"

namespace echolab {
namespace {

using namespace std::chrono_literals;
using tests::eventually;
using tests::patience;

/// A shell and what it said.
class Shell {
 public:
  explicit Shell(const std::string& script)
      : output_(checked(::memfd_create("output", MFD_CLOEXEC), "memfd_create")),
        process_({{"sh", "-c", script}, {}, output_.get()}) {}

  GuardedProcess& process() { return process_; }
  [[nodiscard]] std::string said() const {
    std::string text(1000, '\0');
    const ssize_t n = ::pread(output_.get(), text.data(), text.size(), 0);
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    return text;
  }
  /// Waits until it has said a line.
  [[nodiscard]] std::string awaited() const {
    (void)eventually([&] { return said().find('\n') != std::string::npos; });
    return said();
  }

 private:
  Fd output_;
  GuardedProcess process_;
};

bool is_there(pid_t pid) {
  return ::kill(pid, 0) == 0 || errno != ESRCH;
}

TEST(GuardedProcess, IsAskedFirst) {
  Shell shell("trap 'echo bye; exit' TERM; echo here; while :; do sleep 0.01; done");
  EXPECT_EQ(shell.awaited(), "here\n");
  EXPECT_TRUE(shell.process().is_alive());
  shell.process().stop(patience);
  EXPECT_EQ(shell.said(), "here\nbye\n");
  EXPECT_FALSE(is_there(shell.process().pid()));
}

TEST(GuardedProcess, IsKilledWhenItDoesNotListen) {
  Shell shell("trap '' TERM; echo here; while :; do sleep 0.01; done");
  EXPECT_EQ(shell.awaited(), "here\n");
  shell.process().stop(50ms);
  EXPECT_FALSE(is_there(shell.process().pid()));
}

TEST(GuardedProcess, SaysWhichSignalKilledIt) {
  const std::pair<const char*, const char*> cases[] = {
      {"kill -KILL $$", "it was killed by signal 9\n"},
      {"kill -TERM $$", "it was killed by signal 15\n"},
      {"exit 3", ""}};
  for (const auto& [script, words] : cases) {
    Shell shell(script);
    EXPECT_TRUE(shell.process().has_ended_within(patience)) << script;
    EXPECT_FALSE(shell.process().is_alive()) << script;
    EXPECT_EQ(shell.said(), words);
  }
}

TEST(GuardedProcess, TakesAlongWhatHasASessionOfItsOwnAndNoParent) {
  pid_t orphan = 0;
  {
    // The middle shell ends; its child becomes nobody's, in a session of its own.
    Shell shell(
        "(setsid sh -c 'trap \"\" TERM; echo $$; sleep 1000; :' &) & wait; sleep 9");
    orphan = std::stoi(shell.awaited());
    EXPECT_TRUE(is_there(orphan));
  }
  EXPECT_FALSE(is_there(orphan));
}

TEST(GuardedProcess, KillsWhatItsProgramLeftBehind) {
  Shell shell("setsid sleep 1000 & echo $!");
  const pid_t left = std::stoi(shell.awaited());
  EXPECT_TRUE(shell.process().has_ended_within(patience));
  EXPECT_TRUE(is_there(left));
  shell.process().stop(patience);
  EXPECT_FALSE(is_there(left));
}

TEST(GuardedProcess, WhatCannotBeExecutedSaysSo) {
  const Fd output(checked(::memfd_create("output", MFD_CLOEXEC), "memfd_create"));
  const GuardedProcess process({{"/nowhere/at/all"}, {}, output.get()});
  EXPECT_TRUE(process.has_ended_within(patience));
  EXPECT_GT(::lseek(output.get(), 0, SEEK_END), 0);
}

}  // namespace
}  // namespace echolab
