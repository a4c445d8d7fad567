#include "clients/load_thread.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
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
/// Of wrong bytes it is found out from which connection they are so many times.
constexpr std::uint64_t thorough_inquiries = 64;
constexpr std::size_t most_places = 64 * 1024;  ///< … among so many requests
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
                           std::span<const Address> addresses, const Share& share,
                           const Timetable& timetable)
    : plan_(plan),
      addresses_(addresses),
      share_(share),
      timetable_(timetable),
      sizes_(plan.sizes.value_or(SizeLaw(plan.request_bytes()))),
      depth_(plan.pipeline),
      epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      memory_(receive_bytes),
      ring_mask_(std::bit_ceil(plan.pipeline) - 1),
      requests_(share.connections * (ring_mask_ + 1)),
      opened_ns_(share.connections),
      events_(batch),
      agenda_(plan.workload, plan.seed, share.stripe, share.connections, plan.pipeline),
      window_(share.quota, plan.workload.is_open()) {
  connections_.reserve(share.connections);
  for (std::size_t i = 0; i < share.connections; ++i)
    connections_.emplace_back(Caller(words, share.first + i, memory_.room()),
                              &requests_[i * (ring_mask_ + 1)]);
}

template <class Caller>
void LoadLoop<Caller>::run() {
  wake_in_time();
  const std::int64_t limit_ns = plan_.timeout.count();
  for (const std::int64_t begin = clock_ns();
       settled() < connections_.size() && now_in_ == Phase::connecting;) {
    connect_some();
    turn(connecting_ > 0 ? tick_ns : tick_ns / 10);
    if (clock_ns() - begin > limit_ns) give_up_connecting();
  }
  while (now_in_ != Phase::draining) turn(tick_ns);
  for (const std::int64_t begin = clock_ns();
       alive_ > 0 && clock_ns() - begin < limit_ns;) {
    turn(tick_ns);
    if (!is_draining_ && clock_ns() - begin > limit_ns / 2) give_up_asking();
  }
  give_up_the_rest();
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
        server,
        static_cast<unsigned>(1 + (share_.first + index) / connections_per_source));
  opened_ns(connection) = clock_ns();
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
  connect_.record(clock_ns() - opened_ns(connection));
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
  const bool may_begin = now_in_ < Phase::warm_up;  // a phase of 0 ms may pass unseen
  now_in_ = phase;
  if (phase == Phase::greeting)
    for (Connection& connection : connections_) ask_all(connection, clock_ns());
  if (may_begin && phase >= Phase::warm_up) boundary_ns_ = timetable_.load_begin_ns;
  if (phase == Phase::measuring) {
    answered_.store(0, std::memory_order_relaxed);
    if (boundary_ns_ == never_ns) boundary_ns_ = timetable_.window_begin_ns;
  }
  if (phase < Phase::cooling) return;
  if (window_.is_open()) backlog_at_end_ = unanswered_arrivals(clock_ns());
  window_.end();
  boundary_ns_ = never_ns;
  if (phase < Phase::draining) return;
  // What was intended inside the window is still sent, and followed to its reply.
  agenda_.end_at(agenda_.is_open() && window_.has_begun() ? window_.end_ns() : 0);
  if (!agenda_.has_more()) drain();
}

/// The load begins, the window begins, the window ends: each at its moment.
template <class Caller>
void LoadLoop<Caller>::pass_boundary(std::int64_t now) {
  const std::int64_t passed = boundary_ns_;
  boundary_ns_ = never_ns;
  if (passed == timetable_.load_begin_ns && !agenda_.has_begun()) {
    begin_load(passed);
    if (now_in_ >= Phase::measuring) boundary_ns_ = timetable_.window_begin_ns;
  } else if (!window_.has_begun()) {
    window_.begin();
    backlog_at_begin_ = unanswered_arrivals(now);
    boundary_ns_ = timetable_.window_end_ns;
  } else {
    window_.end();
    backlog_at_end_ = unanswered_arrivals(now);
  }
}

/// Every slot is free, but for those that wait for the reply to their greeting.
template <class Caller>
void LoadLoop<Caller>::begin_load(std::int64_t now) {
  agenda_.begin(now);
  if (agenda_.is_at_once()) {
    for (Connection& connection : connections_) ask_all(connection, now);
    return;
  }
  for (std::uint64_t slot = 0; slot < depth_; ++slot)
    for (const Connection& connection : connections_)
      if (connection.state == State::open &&
          connection.asked - connection.answered <= slot)
        agenda_.freed(static_cast<std::uint32_t>(index_of(connection)), now);
}

/// Asks no more. A connect that is still under way is given up: nobody waits for it.
template <class Caller>
void LoadLoop<Caller>::drain() {
  is_draining_ = true;
  for (Connection& connection : connections_) {
    connection.caller.finish();
    if (connection.state == State::connecting) close(connection);
    end_if_done(connection);
  }
}

/// Arrivals that still wait are not sent any more: the server did not come to them.
template <class Caller>
void LoadLoop<Caller>::give_up_asking() {
  const std::int64_t now = clock_ns();
  agenda_.give_up([&](std::int64_t intended) { window_.give_up_unsent(intended, now); });
  drain();
}

/// What has no reply when nobody waits any longer.
template <class Caller>
void LoadLoop<Caller>::give_up_the_rest() {
  for (Connection& connection : connections_) {
    if (connection.state == State::open) {
      ++(connection.answered == 0 ? errors_.stalled : errors_.silent);
      fail(connection, errors_.timeout, told_silence(connection));
    }
    close(connection);
  }
  if (!is_draining_) give_up_asking();
}

template <class Caller>
std::uint64_t LoadLoop<Caller>::unanswered_arrivals(std::int64_t now) const {
  return agenda_.is_open() ? outstanding_ + agenda_.waiting(now) : 0;
}

template <class Caller>
std::int64_t LoadLoop<Caller>::due_ns() const {
  return std::min(boundary_ns_, agenda_.due_ns());
}

template <class Caller>
void LoadLoop<Caller>::turn(std::int64_t at_most_ns) {
  const std::int64_t due = due_ns();
  const std::int64_t patience =
      due == never_ns ? at_most_ns : std::min(due - clock_ns(), at_most_ns);
  const auto news = wait_for_events(epoll_.get(), events_, patience);
  // Before the events: a reply that comes after the window's end is not in the window.
  const Phase phase = timetable_.phase.load(std::memory_order_acquire);
  if (phase != now_in_) enter(phase);
  if (due_ns() != never_ns) keep_time(clock_ns());
  for (std::size_t i = 0; i < news.size(); ++i) {
    // With thousands of connections each is a cache miss: the one after the next is
    // fetched while the kernel works for this one.
    if (i + 2 < news.size()) prefetch(news[i + 2].data.ptr);
    on_event(*static_cast<Connection*>(news[i].data.ptr), news[i].events);
  }
}

/// What is due by now: a boundary of the load, and requests.
template <class Caller>
void LoadLoop<Caller>::keep_time(std::int64_t now) {
  while (boundary_ns_ <= now) pass_boundary(now);
  if (agenda_.is_at_once()) return;
  const auto is_alive = [&](std::uint32_t index) {
    return connections_[index].state == State::open;
  };
  const auto drop = [&](std::int64_t intended) { window_.drop(intended); };
  while (const auto next = agenda_.next(now, is_alive, drop)) {
    Connection& connection = connections_[next->connection];
    if (connection.state != State::open) continue;  // its thought ends with it
    ask(connection, next->intended_ns, next->eligible_ns);
    now = clock_ns();
    send_more(connection, now);
  }
  if (now_in_ == Phase::draining && !is_draining_ && !agenda_.has_more()) drain();
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
  if ((events & EPOLLOUT) != 0) send_more(connection, clock_ns());
  if ((events & ~EPOLLOUT) != 0 && connection.fd) hear(connection);
}

/// One receive an event: what is left makes the next (level-triggered) event.
template <class Caller>
void LoadLoop<Caller>::hear(Connection& connection) {
  const ssize_t n = receive(connection.fd.get(), memory_.room());
  if (would_block(n)) return;
  if (n < 0)
    return fail_ended(connection, errors_.reset,
                      fmt::format("recv: {}", std::strerror(static_cast<int>(-n))));
  if (n == 0) {
    if (connection.state == State::closing) {
      close_.record(clock_ns() - opened_ns(connection));
      return close(connection);
    }
    return fail_ended(connection, errors_.closed_early,
                      "the server closed the connection");
  }
  const bool is_first = connection.caller.verified() == 0;
  connection.caller.received(static_cast<std::size_t>(n));
  if (connection.caller.wrong()) return fail_wrong(connection);
  const std::int64_t now = clock_ns();
  if (boundary_ns_ <= now) pass_boundary(now);
  if (is_first) first_byte_.record(now - opened_ns(connection));
  record_answers(connection, now);
  end_if_done(connection);
  if (due_ns() <= now) keep_time(now);
}

/// Counts the replies that are whole, and gives their slots back.
template <class Caller>
void LoadLoop<Caller>::record_answers(Connection& connection, std::int64_t now) {
  const std::uint64_t before = connection.answered;
  while (connection.answered < connection.asked) {
    const Request& request = connection.requests[connection.answered & ring_mask_];
    if (request.end > connection.caller.verified()) break;
    ++connection.answered;
    if (window_.count(request, now)) ++connection.in_window;
  }
  const std::uint64_t news = connection.answered - before;
  if (news == 0) return;
  outstanding_ -= news;
  if (before == 0) add(served_);
  add(answered_, news);
  if (window_.quota_met() && !quota_met()) quota_met_.store(true);
  if (agenda_.is_at_once()) return ask_all(connection, now);
  if (!agenda_.has_begun()) return;
  const auto index = static_cast<std::uint32_t>(index_of(connection));
  for (std::uint64_t i = 0; i < news; ++i) agenda_.freed(index, now);
}

/// Everything that may be outstanding: one request to greet, then as the pipeline says.
template <class Caller>
void LoadLoop<Caller>::ask_all(Connection& connection, std::int64_t now) {
  if (connection.state != State::open || is_draining_) return;
  const std::uint64_t most =
      agenda_.has_begun() ? depth_ : 1 - std::min<std::uint64_t>(connection.asked, 1);
  while (connection.asked - connection.answered < most) ask(connection, now, now);
  send_more(connection, now);
}

template <class Caller>
void LoadLoop<Caller>::ask(Connection& connection, std::int64_t intended,
                           std::int64_t eligible) {
  Request& request = connection.requests[connection.asked & ring_mask_];
  request.intended_ns = intended;
  request.eligible_ns = eligible;
  connection.caller.ask(sizes_.of(share_.first + index_of(connection), connection.asked));
  request.end = connection.caller.asked();
  ++connection.asked;
  ++outstanding_;
}

/// Goes on listening while it sends: a server that is not read from does not read.
template <class Caller>
void LoadLoop<Caller>::send_more(Connection& connection, std::int64_t now) {
  const Next next = flush(connection.fd.get(), connection.caller);
  stamp_begun(connection, now);
  if (next == Next::closed && !connection.caller.done())
    return fail_ended(connection, errors_.reset,
                      "send: the server closed the connection");
  connection.is_blocked = next == Next::writable;
  watch(connection, connection.is_blocked ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

/// `now`: before the bytes left. Who had to wait for the socket was not eligible before.
template <class Caller>
void LoadLoop<Caller>::stamp_begun(Connection& connection, std::int64_t now) {
  while (connection.begun < connection.asked &&
         connection.begun_end < connection.caller.said()) {
    Request& request = connection.requests[connection.begun++ & ring_mask_];
    connection.begun_end = request.end;
    if (connection.is_blocked) request.eligible_ns = now;
    request.sent_ns = now;
    window_.sent(request);
  }
}

/// Says that nothing more will come (half-close) once every reply is here; the server
/// then ends the connection. One that was never asked may not even have been accepted.
template <class Caller>
void LoadLoop<Caller>::end_if_done(Connection& connection) {
  if (connection.state != State::open || !connection.caller.done()) return;
  if (connection.asked == 0) return close(connection);
  connection.state = State::closing;
  opened_ns(connection) = clock_ns();
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
  outstanding_ -= connection.asked - connection.answered;
  for (std::uint64_t k = connection.answered; k < connection.asked; ++k) {
    const std::int64_t intended = connection.requests[k & ring_mask_].intended_ns;
    k < connection.begun ? window_.give_up(intended, clock_ns())
                         : window_.give_up_unsent(intended, clock_ns());
  }
  close(connection);
}

/// Wrong bytes came: says whose they are, as far as the first ones of a load go.
template <class Caller>
void LoadLoop<Caller>::fail_wrong(Connection& connection) {
  const bool thorough = errors_.mismatch < thorough_inquiries;
  std::vector<RequestPlace> own;
  std::vector<RequestPlace> others;
  add_places(connection, own);
  for (const Connection& other : connections_)
    if (thorough && &other != &connection && others.size() < most_places)
      add_places(other, others);
  const Fault fault = connection.caller.fault({own, others, thorough});
  ++errors_.of(fault.kind);
  fail(connection, errors_.mismatch, fault.text);
}

/// Where its requests begin: those that are outstanding, and a few before.
template <class Caller>
void LoadLoop<Caller>::add_places(const Connection& connection,
                                  std::vector<RequestPlace>& places) const {
  if (connection.asked == 0) return;
  const std::uint64_t index = share_.first + index_of(connection);
  std::uint64_t begin = connection.caller.asked();
  const auto from = std::ssize(places);
  for (std::uint64_t k = connection.asked; k > 0 && k + 8 > connection.answered;) {
    begin -= sizes_.of(index, --k);
    places.push_back({index, k, begin});
  }
  std::reverse(places.begin() + from, places.end());
}

/// The connection ended before its time: says at which point of a reply.
template <class Caller>
void LoadLoop<Caller>::fail_ended(Connection& connection, std::uint64_t& kind,
                                  const std::string& why) {
  const Part part = part_of_reply(connection);
  if (part.bytes > 0) ++errors_.truncated;
  std::string text = why + part.text;
  if (plan_.work && part.bytes == 0)
    text += "; its log says which frame it refused, if any";
  fail(connection, kind, text);
}

/// Of the reply that is waited for: how much has come.
template <class Caller>
auto LoadLoop<Caller>::part_of_reply(const Connection& connection) const -> Part {
  if (connection.answered == connection.asked)
    return {0, fmt::format(" after {} replies", connection.answered)};
  const std::uint64_t k = connection.answered;
  const std::uint64_t size = sizes_.of(share_.first + index_of(connection), k);
  const std::uint64_t begin = connection.requests[k & ring_mask_].end - size;
  const std::uint64_t got = connection.caller.verified() - begin;
  if (got > 0)
    return {got, fmt::format(" after {} of {} bytes of reply {}", got, size, k)};
  return {0, k == 0 ? std::string(" without any reply")
                    : fmt::format(" after {} replies, without the next", k)};
}

/// Of a connection whose replies have not come in time.
template <class Caller>
std::string LoadLoop<Caller>::told_silence(const Connection& connection) const {
  const Part part = part_of_reply(connection);
  std::string since = ", and never sent";
  if (connection.answered < connection.begun) {
    const std::int64_t sent =
        connection.requests[connection.answered & ring_mask_].sent_ns;
    since = fmt::format(", sent {} ago",
                        show_duration(static_cast<double>(clock_ns() - sent)));
  }
  return fmt::format("the server is silent{}{}", part.text, since);
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
  window_.add_to(result);
  result.backlog_growth += static_cast<std::int64_t>(backlog_at_end_) -
                           static_cast<std::int64_t>(backlog_at_begin_);
  result.details->connect.merge(connect_);
  result.details->first_byte.merge(first_byte_);
  result.details->close.merge(close_);
  result.errors += errors_;
  result.connected += connected();
  if (result.first_failure.empty()) result.first_failure = first_failure_;
  for (const Connection& connection : connections_)
    result.requests_per_connection.push_back(connection.in_window);
}

template class LoadLoop<EchoCaller>;
template class LoadLoop<WorkCaller>;

}  // namespace echolab
