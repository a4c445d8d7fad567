// prefork_adaptive: as many waiting processes as are needed, and a few to spare.
//
// The idea   As prefork, but the parent watches how many children are idle. Below
//            `min_spare` it forks as many as are missing; above `max_spare` it lets one
//            go, every tick, until `min_spare` are left: quick to grow, slow to shrink.
// Waits in   poll (children: a client, or to be let go; parent: news), recv and send.
// Calls      recvfrom, sendto.
// Costs      A poll more per connection than prefork; forks only while the load rises.
// Traps      Without two limits (hysteresis) a pool at the edge forks and ends a process
//            with every client. Who is let go must be idle: one token in a pipe, taken by
//            whoever is waiting. A client wakes all idle children, and one gets it: as
//            many as `max_spare` at rest. `--workers` is the upper bound; a child that
//            dies is missing, and so replaced.
// Shares     The listener, the pipe and the scoreboard: a byte per child.
// Source     Apache's prefork: MinSpareServers, MaxSpareServers, its scoreboard.
// Next       thread_per_client: from processes to threads.

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "common/shared.hpp"
#include "servers/children.hpp"
#include "servers/one_by_one.hpp"

namespace echolab {
namespace {

constexpr std::size_t min_spare = 2;
constexpr std::size_t max_spare = 3;
constexpr int tick_ms = 100;

enum class State : char { none, idle, busy };

struct Scoreboard {
  explicit Scoreboard(std::size_t children) : states(children) {}

  [[nodiscard]] std::size_t idle() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        states.all(), [](const auto& state) { return state == State::idle; }));
  }
  /// The parent is woken when there is something for it to do.
  void set(std::size_t child, State state) const {
    states[child] = state;
    if (const std::size_t spare = idle(); spare < min_spare || spare > max_spare)
      ::eventfd_write(news.get(), 1);
  }

  Shared<std::atomic<State>> states;
  Shared<std::atomic<bool>> stopped;
  Fd news{checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")};
};

/// The next client of an idle child; none when it is let go, or the listener has stopped.
Fd next_client(const Job& job, const Scoreboard& scores, const Fd& let_go) {
  scores.set(job.worker, State::idle);
  for (;;) {
    std::array asked{pollfd{.fd = job.listener.fd(), .events = POLLIN, .revents = 0},
                     pollfd{.fd = let_go.get(), .events = POLLIN, .revents = 0}};
    if (::poll(asked.data(), asked.size(), -1) <= 0) continue;
    char token = 0;
    if (asked[1].revents != 0 && ::read(let_go.get(), &token, 1) == 1) return Fd();
    Fd client;
    if (asked[0].revents == 0) continue;
    const bool accepting = job.listener.accept_waiting(
        [&](Fd arrived) { client = std::move(arrived); }, 1, 0);
    if (!accepting) {
      *scores.stopped = true;
      ::eventfd_write(scores.news.get(), 1);
    }
    if (client) scores.set(job.worker, State::busy);
    if (client || !accepting) return client;
  }
}

/// A descriptor that is readable while a child has ended (signalfd(2)).
Fd watch_for_ends() {
  sigset_t ends;
  ::sigemptyset(&ends);
  ::sigaddset(&ends, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &ends, nullptr);
  return Fd(checked(::signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK), "signalfd"));
}

/// Takes the ended children off the scoreboard; rests when one of them died.
void reap(const Job& job, const Scoreboard& scores, std::vector<pid_t>& pids) {
  int status = 0;
  bool died = false;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    const auto child =
        static_cast<std::size_t>(std::ranges::find(pids, pid) - pids.begin());
    if (child == pids.size()) continue;
    scores.states[child] = State::none;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
    worker_died(job, child);
    died = true;
  }
  if (died) ::poll(nullptr, 0, tick_ms);
}

/// Forks until `min_spare` are idle, all numbers are taken, or there is no process left.
void grow(const Job& job, const Scoreboard& scores, std::vector<pid_t>& pids,
          const Fd& let_go) {
  for (std::size_t child = 0; child < pids.size() && scores.idle() < min_spare; ++child) {
    if (scores.states[child] != State::none) continue;
    scores.states[child] = State::idle;
    pids[child] = start_process([&, mine = job.part(child, job.listener)] {
      one_by_one(mine, [&] { return next_client(mine, scores, let_go); });
    });
    if (pids[child] > 0) continue;
    scores.states[child] = State::none;
    return;
  }
}

}  // namespace

void prefork_adaptive(const Job& job) {
  job.listener.non_blocking();
  const Scoreboard scores(job.workers);
  std::vector<pid_t> pids(job.workers);
  std::array<int, 2> pipe{};
  checked(::pipe2(pipe.data(), O_CLOEXEC | O_NONBLOCK), "pipe2");
  const Fd let_go(pipe[0]);
  const Fd tokens(pipe[1]);
  const Fd ends = watch_for_ends();
  for (bool shrinking = false; !*scores.stopped;) {
    grow(job, scores, pids, let_go);
    shrinking = scores.idle() > (shrinking ? min_spare : max_spare);
    std::array asked{pollfd{.fd = scores.news.get(), .events = POLLIN, .revents = 0},
                     pollfd{.fd = ends.get(), .events = POLLIN, .revents = 0}};
    const bool lacks = scores.idle() < min_spare;
    const int ready =
        ::poll(asked.data(), asked.size(), shrinking || lacks ? tick_ms : -1);
    if (ready == 0 && shrinking) (void)::write(tokens.get(), "", 1);
    eventfd_t ignored_count = 0;
    ::eventfd_read(scores.news.get(), &ignored_count);
    signalfd_siginfo ignored{};
    (void)::read(ends.get(), &ignored, sizeof ignored);
    reap(job, scores, pids);
  }
  wait_for_children();
}

}  // namespace echolab
