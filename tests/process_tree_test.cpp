// What is read of a tree of processes from outside, against what they are known to do.

#include "bench/process_tree.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <numeric>
#include <thread>

#include "common/fd.hpp"

namespace echolab {
namespace {

using namespace std::chrono_literals;

void work_for(std::chrono::milliseconds cpu_time) {
  timespec used{};
  const auto now = [&] {
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
  };
  const auto end = now() + cpu_time;
  while (now() < end) {
  }
}

/// A child that holds so many socket pairs, and says when; killed and reaped at the end.
class Holder {
 public:
  explicit Holder(std::size_t pairs) {
    int ready[2];
    if (::pipe(ready) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      for (std::size_t i = 0; i < pairs; ++i) {
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) ::_exit(1);
      }
      if (::write(ready[1], "r", 1) != 1) ::_exit(1);
      for (;;) ::pause();
    }
    char byte = 0;
    if (::read(ready[0], &byte, 1) != 1) std::abort();
    ::close(ready[0]);
    ::close(ready[1]);
  }
  ~Holder() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
};

TEST(ProcessTree, tells_how_much_each_thread_computed) {
  const std::vector<pid_t> tree{::getpid()};
  std::stop_source stop;
  const auto stay = [&](std::chrono::milliseconds cpu_time) {
    return std::jthread([&stop, cpu_time] {
      work_for(cpu_time);
      while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);
    });
  };
  const auto before = thread_cpu_ns_of(tree);
  if (before.empty()) GTEST_SKIP() << "no schedstat on this kernel";
  {
    const auto much = stay(60ms);
    const auto little = stay(20ms);
    std::vector<double> growths;
    for (int i = 0; i < 1000; ++i) {
      growths = greatest_growths(before, thread_cpu_ns_of(tree), 64);
      if (growths.size() >= 2 && growths[0] >= 0.06 && growths[1] >= 0.02) break;
      std::this_thread::sleep_for(10ms);
    }
    stop.request_stop();
    ASSERT_GE(growths.size(), 2U);
    EXPECT_GE(growths[0], 0.06);
    EXPECT_GE(growths[1], 0.02);
    EXPECT_GE(growths[0], growths[1]);
  }
}

TEST(ProcessTree, tells_the_greatest_growths_first_and_no_more_than_asked) {
  const std::map<pid_t, double> before{{1, 5e9}, {2, 1e9}, {3, 1e9}};
  const std::map<pid_t, double> after{{1, 5e9}, {2, 1.5e9}, {3, 3e9}, {4, 1e9}};
  EXPECT_EQ(greatest_growths(before, after, 64), (std::vector<double>{2, 1, 0.5}));
  EXPECT_EQ(greatest_growths(before, after, 2), (std::vector<double>{2, 1}));
}

TEST(ProcessTree, counts_the_sockets_that_each_process_has_got) {
  const Holder few(1);
  const Holder many(3);
  const auto before = sockets_of(::getpid());
  const std::vector<pid_t> tree{::getpid(), few.pid(), many.pid()};
  EXPECT_EQ(sockets_by_process(tree, before, 64), (std::vector<std::uint64_t>{6, 2}));
  EXPECT_EQ(sockets_by_process(tree, before, 1), (std::vector<std::uint64_t>{6}));
  EXPECT_EQ(sockets_by_process(tree, sockets_of(many.pid()), 64),
            (std::vector<std::uint64_t>{2, 0}));
  int own[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, own), 0);
  const Fd one(own[0]);
  const Fd other(own[1]);
  EXPECT_EQ(sockets_by_process(tree, before, 64), (std::vector<std::uint64_t>{6, 2, 2}));
  EXPECT_EQ(sockets_by_process({few.pid()}, {}, 64), std::nullopt) << "nobody to share";
}

TEST(ProcessTree, leaves_out_who_makes_others_serve_and_has_no_socket_itself) {
  const auto before = sockets_of(::getpid());
  int told[2];
  int leash[2];
  ASSERT_EQ(::pipe(told), 0);
  ASSERT_EQ(::pipe(leash), 0);
  const pid_t maker = ::fork();
  if (maker == 0) {
    ::close(leash[1]);  // its children must not hold it either
    const Holder few(1);
    const Holder many(3);
    const pid_t pids[2] = {few.pid(), many.pid()};
    char byte = 0;
    if (::write(told[1], pids, sizeof pids) > 0)
      (void)(::read(leash[0], &byte, 1) == 0);  // until the test ends
    for (const pid_t pid : pids) ::kill(pid, SIGKILL);
    ::_exit(0);
  }
  ::close(leash[0]);
  pid_t pids[2] = {};
  ASSERT_GT(::read(told[0], pids, sizeof pids), 0);
  EXPECT_EQ(sockets_by_process({::getpid(), maker, pids[0], pids[1]}, before, 64),
            (std::vector<std::uint64_t>{6, 2}));
  for (const int fd : {leash[1], told[0], told[1]}) ::close(fd);
  ASSERT_EQ(::waitpid(maker, nullptr, 0), maker);
}

TEST(ProcessTree, glances_at_cpu_time_threads_and_memory) {
  const std::vector<pid_t> tree{::getpid()};
  const TreeGlance before = glance_at(tree);
  EXPECT_GT(before.rss_bytes, 100'000U);
  std::stop_source stop;
  const std::jthread idle([&stop] {
    while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);
  });
  work_for(30ms);
  const TreeGlance after = glance_at(tree);
  stop.request_stop();
  EXPECT_EQ(after.threads, before.threads + 1);
  EXPECT_GE(after.cpu_ns - before.cpu_ns, 30e6);
  EXPECT_GT(after.read, before.read);
  const TreeGlance nobody = glance_at({});
  EXPECT_EQ(nobody.threads, 0U);
}

TEST(ProcessTree, counts_the_cpu_time_of_children_that_were_reaped) {
  const std::vector<pid_t> tree{::getpid()};
  const double before_ns = glance_at(tree).cpu_ns;
  const pid_t child = ::fork();
  if (child == 0) {
    work_for(100ms);
    ::_exit(0);
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  const double grown_ns = glance_at(tree).cpu_ns - before_ns;
  EXPECT_GE(grown_ns, 80e6);  // in ticks of 10 ms, user and system each
  EXPECT_GE(use_of(tree).cpu_ns - before_ns, 80e6);
}

}  // namespace
}  // namespace echolab
