#include "clients/load_thread.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <ctime>

namespace echolab {
namespace {

constexpr std::size_t receive_bytes = 64 * 1024;
constexpr std::size_t connects_at_once = 128;
constexpr std::size_t connections_per_source = 8192;
constexpr std::size_t batch = 512;
constexpr int tick_ms = 10;  // how soon a thread without events sees a new phase

std::int64_t clock_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

std::int64_t now_ns() {
  return clock_ns(CLOCK_MONOTONIC);
}

/// Both cache lines of a Connection.
void prefetch(const void* connection) {
  __builtin_prefetch(connection);
  __builtin_prefetch(static_cast<const std::byte*>(connection) + 64);
}

template <class Counter>
void add(Counter& counter, std::uint64_t n = 1) {
  counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

}  // namespace

template <class Caller>
LoadLoop<Caller>::LoadLoop(const LoadPlan& plan, const typename Caller::Words& words,
                           std::span<const Address> addresses, std::size_t first,
                           std::size_t count, std::uint64_t quota,
                           const std::atomic<Phase>& phase)
    : plan_(plan),
      addresses_(addresses),
      first_(first),
      quota_(quota),
      phase_(phase),
      workload_{.depth = plan.pipeline},
      request_bytes_(plan.request_bytes()),
      epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      memory_(receive_bytes),
      stamp_mask_(std::bit_ceil(plan.pipeline) - 1),
      stamps_(count * (stamp_mask_ + 1)),
      events_(batch) {
  connections_.reserve(count);
  for (std::size_t i = 0; i < count; ++i)
    connections_.emplace_back(Caller(words, first + i, memory_.room()),
                              &stamps_[i * (stamp_mask_ + 1)]);
}

template <class Caller>
void LoadLoop<Caller>::run() {
  const std::int64_t limit_ns = plan_.timeout.count();
  for (const std::int64_t begin = now_ns();
       settled() < connections_.size() && now_in_ == Phase::connecting;) {
    connect_some();
    turn(connecting_ > 0 ? tick_ms : 1);
    if (now_ns() - begin > limit_ns) give_up_connecting();
  }
  while (now_in_ != Phase::draining) turn(tick_ms);
  for (const std::int64_t begin = now_ns(); alive_ > 0 && now_ns() - begin < limit_ns;)
    turn(tick_ms);
  for (Connection& connection : connections_) {
    if (connection.state == State::open)
      fail(connection, errors_.timeout, "the last replies did not come within --timeout");
    close(connection);
  }
  finished_.store(true);
}

/// Keeps a bounded number of connects under way, so that the listen queue is not flooded.
template <class Caller>
void LoadLoop<Caller>::connect_some() {
  while (unborn_ < connections_.size() && connecting_ < connects_at_once) {
    if (!start(connections_[unborn_], unborn_)) return;
    ++unborn_;
  }
}

/// False when the server's queue is full (a Unix socket's): try again in a moment.
template <class Caller>
bool LoadLoop<Caller>::start(Connection& connection, std::size_t index) {
  const Address& server = addresses_.front();
  std::optional<Address> source;
  if (plan_.connections > connections_per_source)
    source = loopback_source(
        server, static_cast<unsigned>(1 + (first_ + index) / connections_per_source));
  auto [fd, error] = start_connect(server, source);
  if (error == EAGAIN && server.family() == AF_UNIX) return false;
  connection.fd = std::move(fd);
  connection.state = State::connecting;
  ++connecting_;
  ++alive_;
  epoll_event event{};
  event.events = connection.waits_for = EPOLLOUT;
  event.data.ptr = &connection;
  if (connection.fd &&
      ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, connection.fd.get(), &event) != 0)
    error = errno;
  if (error == 0) established(connection);
  if (error != 0 && error != EINPROGRESS)
    fail(connection, errors_.connect, fmt::format("connect: {}", std::strerror(error)));
  return true;
}

template <class Caller>
void LoadLoop<Caller>::established(Connection& connection) {
  --connecting_;
  connection.state = State::open;
  watch(connection, EPOLLIN);
  add(connected_);
  add(settled_);
}

template <class Caller>
void LoadLoop<Caller>::give_up_connecting() {
  for (Connection& connection : connections_) {
    if (connection.state == State::unborn) ++alive_, ++connecting_;
    if (connection.state == State::unborn || connection.state == State::connecting) {
      connection.state = State::connecting;
      fail(connection, errors_.timeout, "connect: no answer within --timeout");
    }
  }
  unborn_ = connections_.size();
}

template <class Caller>
void LoadLoop<Caller>::enter(Phase phase) {
  const bool begins = now_in_ < Phase::warm_up;  // a phase of 0 ms may pass unseen
  now_in_ = phase;
  if (phase == Phase::measuring) {
    window_begin_ns_ = now_ns();
    cpu_begin_ns_ = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    answered_.store(0, std::memory_order_relaxed);
  }
  if (window_begin_ns_ != 0 && window_end_ns_ == 0 && phase > Phase::measuring) {
    window_end_ns_ = now_ns();
    cpu_end_ns_ = clock_ns(CLOCK_THREAD_CPUTIME_ID);
  }
  if (phase == Phase::draining)
    drain();
  else if (begins)
    for (Connection& connection : connections_) ask_and_send(connection, now_ns());
}

/// Asks no more. A connect that is still under way is given up: nobody waits for it.
template <class Caller>
void LoadLoop<Caller>::drain() {
  for (Connection& connection : connections_) {
    connection.caller.finish();
    if (connection.state == State::connecting) close(connection);
    end_if_done(connection);
  }
}

template <class Caller>
void LoadLoop<Caller>::turn(int timeout_ms) {
  const int ready = ::epoll_wait(epoll_.get(), events_.data(),
                                 static_cast<int>(events_.size()), timeout_ms);
  if (ready < 0 && errno != EINTR) checked(ready, "epoll_wait");
  // Before the events: a reply that comes after the window's end is not in the window.
  if (const Phase phase = phase_.load(std::memory_order_acquire); phase != now_in_)
    enter(phase);
  const std::span<const epoll_event> news(events_.data(),
                                          static_cast<std::size_t>(std::max(ready, 0)));
  for (std::size_t i = 0; i < news.size(); ++i) {
    // With thousands of connections each is a cache miss: the one after the next is
    // fetched while the kernel works for this one.
    if (i + 2 < news.size()) prefetch(news[i + 2].data.ptr);
    on_event(*static_cast<Connection*>(news[i].data.ptr), news[i].events);
  }
}

template <class Caller>
void LoadLoop<Caller>::on_event(Connection& connection, std::uint32_t events) {
  if (connection.state == State::closed) return;  // by enter(), after the wait
  if (connection.state == State::connecting) {
    const int error = connect_error(connection.fd.get());
    if (error == 0) return established(connection);
    return fail(connection, errors_.connect,
                fmt::format("connect: {}", std::strerror(error)));
  }
  if ((events & EPOLLOUT) != 0) send_more(connection);
  if ((events & ~EPOLLOUT) != 0 && connection.fd) hear(connection);
}

/// One receive an event: what is left makes the next (level-triggered) event.
template <class Caller>
void LoadLoop<Caller>::hear(Connection& connection) {
  const ssize_t n = receive(connection.fd.get(), memory_.room());
  if (would_block(n)) return;
  if (n < 0)
    return fail(connection, errors_.reset,
                fmt::format("recv: {}", std::strerror(static_cast<int>(-n))));
  if (n == 0) {
    if (connection.state == State::closing) return close(connection);
    return fail(connection, errors_.closed_early,
                plan_.work ? "the server closed the connection; its log says which frame "
                             "it refused, if any"
                           : "the server closed the connection");
  }
  connection.caller.received(static_cast<std::size_t>(n));
  if (connection.caller.wrong())
    return fail(connection, errors_.mismatch,
                fmt::format("a wrong byte after {} right ones on one connection",
                            connection.caller.verified()));
  const std::int64_t now = now_ns();
  record_answers(connection, now);
  if (now_in_ < Phase::draining) return ask_and_send(connection, now);
  end_if_done(connection);
}

template <class Caller>
void LoadLoop<Caller>::record_answers(Connection& connection, std::int64_t now) {
  const std::uint64_t before = connection.answered;
  for (; (connection.answered + 1) * request_bytes_ <= connection.caller.verified();
       ++connection.answered) {
    if (now_in_ != Phase::measuring || quota_met_.load(std::memory_order_relaxed))
      continue;
    latency_.record(now - connection.intended_ns[connection.answered & stamp_mask_]);
    ++connection.in_window;
    if (++counted_ == quota_) {
      window_end_ns_ = now;
      cpu_end_ns_ = clock_ns(CLOCK_THREAD_CPUTIME_ID);
      quota_met_.store(true);
    }
  }
  if (before == 0 && connection.answered > 0) add(served_);
  add(answered_, connection.answered - before);
}

template <class Caller>
void LoadLoop<Caller>::ask_and_send(Connection& connection, std::int64_t now) {
  if (connection.state != State::open) return;
  while (now_in_ > Phase::greeting || connection.asked == 0) {
    const auto intended = workload_.next(now, connection.asked - connection.answered);
    if (!intended) break;
    connection.intended_ns[connection.asked & stamp_mask_] = *intended;
    connection.caller.ask(request_bytes_);
    ++connection.asked;
  }
  send_more(connection);
}

/// Goes on listening while it sends: a server that is not read from does not read.
template <class Caller>
void LoadLoop<Caller>::send_more(Connection& connection) {
  const Next next = flush(connection.fd.get(), connection.caller);
  if (next == Next::closed && !connection.caller.done())
    return fail(connection, errors_.reset, "send: the server closed the connection");
  watch(connection, next == Next::writable ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

/// Says that nothing more will come (half-close) once every reply is here; the server
/// then ends the connection. One that was never asked may not even have been accepted.
template <class Caller>
void LoadLoop<Caller>::end_if_done(Connection& connection) {
  if (connection.state != State::open || !connection.caller.done()) return;
  if (connection.asked == 0) return close(connection);
  connection.state = State::closing;
  ::shutdown(connection.fd.get(), SHUT_WR);
}

template <class Caller>
void LoadLoop<Caller>::watch(Connection& connection, std::uint32_t events) {
  if (connection.waits_for == events) return;
  epoll_event event{};
  event.events = connection.waits_for = events;
  event.data.ptr = &connection;
  checked(::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection.fd.get(), &event),
          "epoll_ctl(MOD)");
}

template <class Caller>
void LoadLoop<Caller>::fail(Connection& connection, std::uint64_t& kind,
                            const std::string& why) {
  ++kind;
  add(failures_);
  if (first_failure_.empty()) first_failure_ = why;
  if (connection.state == State::connecting) {
    --connecting_;
    add(settled_);
  }
  errors_.lost_replies += connection.asked - connection.answered;
  close(connection);
}

template <class Caller>
void LoadLoop<Caller>::close(Connection& connection) {
  if (connection.state == State::unborn || connection.state == State::closed) return;
  connection.state = State::closed;
  connection.fd.reset();
  --alive_;
}

template <class Caller>
void LoadLoop<Caller>::add_to(LoadResult& result) const {
  result.latency.merge(latency_);
  result.requests += counted_;
  result.errors += errors_;
  result.connected += connected();
  if (result.first_failure.empty()) result.first_failure = first_failure_;
  result.client_cpu_ns += static_cast<double>(cpu_end_ns_ - cpu_begin_ns_);
  result.seconds = std::max(result.seconds,
                            static_cast<double>(window_end_ns_ - window_begin_ns_) / 1e9);
  for (const Connection& connection : connections_)
    result.requests_per_connection.push_back(connection.in_window);
}

template class LoadLoop<EchoCaller>;
template class LoadLoop<WorkCaller>;

}  // namespace echolab
