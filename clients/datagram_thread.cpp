#include "clients/datagram_thread.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace echolab {
namespace {

constexpr std::size_t connects_at_once = 128;
constexpr std::size_t connections_per_source = 8192;
constexpr std::size_t batch = 512;
constexpr std::int64_t tick_ns = 10'000'000;  // how soon a new phase is seen

std::int64_t now_ns() {
  return MeasuredWindow::clock_ns();
}

/// How often the lost are looked for: late enough to cost nothing.
std::int64_t look_ns(std::int64_t timeout_ns) {
  return std::clamp<std::int64_t>(timeout_ns / 8, 1'000'000, tick_ns);
}

template <class Counter>
void add(Counter& counter, std::uint64_t n = 1) {
  counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

}  // namespace

std::optional<Outstanding::Request> Outstanding::take(std::uint64_t number) {
  const auto found = std::ranges::lower_bound(requests_, number, {}, &Request::number);
  if (found == requests_.end() || found->number != number) return std::nullopt;
  const Request request = *found;
  requests_.erase(found);
  return request;
}

std::optional<Outstanding::Request> Outstanding::take_sent_until(std::int64_t moment_ns) {
  if (requests_.empty() || requests_.front().sent_ns > moment_ns) return std::nullopt;
  return take(requests_.front().number);
}

bool GivenUp::take(std::uint64_t number) {
  const auto found = std::ranges::find(numbers_, number);
  if (found == numbers_.end()) return false;
  *found = none;
  return true;
}

template <class Words>
DatagramLoop<Words>::DatagramLoop(const LoadPlan& plan, const Words& words,
                                  const Address& server, std::size_t first,
                                  std::size_t count, std::uint64_t quota,
                                  const std::atomic<Phase>& phase)
    : plan_(plan),
      words_(words),
      header_bytes_(plan.request_bytes() - plan.payload_bytes),
      server_(server),
      phase_(phase),
      workload_{.depth = plan.pipeline},
      timeout_ns_(plan.datagram_timeout.count()),
      epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      received_(longest_datagram + 1),
      request_(plan.request_bytes()),
      events_(batch),
      window_(quota) {
  connections_.reserve(count);
  for (std::size_t i = 0; i < count; ++i)
    connections_.emplace_back(first + i, plan.pipeline);
}

template <class Words>
void DatagramLoop<Words>::run() {
  const std::int64_t limit_ns = plan_.timeout.count();
  for (const std::int64_t begin = now_ns();
       settled() < connections_.size() && now_in_ == Phase::connecting;) {
    connect_some();
    turn();
    if (now_ns() - begin > limit_ns) give_up_connecting();
  }
  while (now_in_ != Phase::draining) turn();
  for (const std::int64_t begin = now_ns(); alive_ > 0 && now_ns() - begin < limit_ns;)
    turn();
  for (Connection& connection : connections_) close(connection);
  finished_.store(true);
}

/// Keeps a bounded number of first requests under way: no server's queue takes them all.
template <class Words>
void DatagramLoop<Words>::connect_some() {
  while (unborn_ < connections_.size() && connecting_ < connects_at_once)
    start(connections_[unborn_++]);
}

template <class Words>
void DatagramLoop<Words>::start(Connection& connection) {
  std::optional<Address> source;
  if (plan_.connections > connections_per_source)
    source = loopback_source(
        server_, static_cast<unsigned>(1 + connection.index / connections_per_source));
  auto [fd, error] = start_connect(server_, source, SOCK_DGRAM);
  connection.fd = std::move(fd);
  connection.state = State::connecting;
  ++connecting_;
  ++alive_;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = &connection;
  if (connection.fd &&
      ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, connection.fd.get(), &event) != 0)
    error = errno;
  if (error != 0)
    return fail(connection, errors_.connect,
                fmt::format("connect: {}", std::strerror(error)));
  ask(connection, now_ns());
}

template <class Words>
void DatagramLoop<Words>::give_up_connecting() {
  for (Connection& connection : connections_) {
    if (connection.state == State::unborn) ++alive_, ++connecting_;
    if (connection.state == State::unborn || connection.state == State::connecting) {
      connection.state = State::connecting;
      fail(connection, errors_.timeout, "no reply to any request within --timeout");
    }
  }
  unborn_ = connections_.size();
}

template <class Words>
void DatagramLoop<Words>::enter(Phase phase) {
  now_in_ = phase;
  if (phase == Phase::measuring) {
    window_.begin();
    answered_.store(0, std::memory_order_relaxed);
  }
  if (phase > Phase::measuring) window_.end();
  for (Connection& connection : connections_) {
    if (phase == Phase::draining)
      end_if_done(connection);
    else
      ask(connection, now_ns());
  }
}

template <class Words>
void DatagramLoop<Words>::turn() {
  const int ready = ::epoll_wait(epoll_.get(), events_.data(), batch,
                                 static_cast<int>(look_ns(timeout_ns_) / 1'000'000));
  if (ready < 0 && errno != EINTR) checked(ready, "epoll_wait");
  // Before the events: a reply that comes after the window's end is not in the window.
  if (const Phase phase = phase_.load(std::memory_order_acquire); phase != now_in_)
    enter(phase);
  for (int i = 0; i < ready; ++i) {
    const epoll_event& event = events_[static_cast<std::size_t>(i)];
    auto& connection = *static_cast<Connection*>(event.data.ptr);
    if (connection.state == State::closed) continue;  // by enter(), after the wait
    if ((event.events & ~EPOLLOUT) != 0) hear(connection);
    if (connection.waits_to_send) ask(connection, now_ns());
  }
  const std::int64_t now = now_ns();
  if (now < next_look_ns_) return;
  next_look_ns_ = now + look_ns(timeout_ns_);
  give_up_the_lost(now);
}

/// What is left makes the next event; but those who wait for many replies take many.
template <class Words>
void DatagramLoop<Words>::hear(Connection& connection) {
  do {
    const ssize_t n = receive(connection.fd.get(), received_.room());
    if (would_block(n)) break;
    if (n < 0)
      return fail(connection,
                  connection.state == State::connecting ? errors_.connect : errors_.reset,
                  fmt::format("recv: {}", std::strerror(static_cast<int>(-n))));
    const Bytes reply = Bytes(received_.room()).first(static_cast<std::size_t>(n));
    if (!is_right(connection, reply))
      return fail(connection, errors_.mismatch,
                  fmt::format("a datagram of {} B that is the reply to none", n));
    on_reply(connection, numbers_in(reply)[1], now_ns());
  } while (!connection.outstanding.empty());
  ask(connection, now_ns());
  end_if_done(connection);
}

template <class Words>
auto DatagramLoop<Words>::numbers_in(Bytes datagram) const -> Numbers {
  Numbers numbers;
  std::memcpy(numbers.data(), datagram.subspan(header_bytes_).data(), sizeof numbers);
  return numbers;
}

/// Whether `reply` is, byte for byte, a request that this connection has made.
template <class Words>
bool DatagramLoop<Words>::is_right(const Connection& connection, Bytes reply) {
  if (reply.size() != plan_.request_bytes()) return false;
  const auto [index, number] = numbers_in(reply);
  if (index != connection.index || number >= connection.asked) return false;
  return std::ranges::equal(reply, compose(index, number));
}

template <class Words>
void DatagramLoop<Words>::on_reply(Connection& connection, std::uint64_t number,
                                   std::int64_t now) {
  const auto request = connection.outstanding.take(number);
  if (request && now - request->sent_ns >= timeout_ns_) lose(connection, *request);
  if (!request || now - request->sent_ns >= timeout_ns_) {
    ++(connection.given_up.take(number) ? counts_.late : counts_.duplicated);
    return;
  }
  if (number < connection.first_unanswered) ++counts_.reordered;
  connection.first_unanswered = std::max(connection.first_unanswered, number + 1);
  add(answered_);
  if (connection.state == State::connecting) {
    connection.state = State::open;
    --connecting_;
    add(connected_);
    add(settled_);
    add(served_);
  }
  if (!window_.is_open()) return;
  ++connection.in_window;
  window_.count(now - request->intended_ns);
  if (window_.quota_met()) quota_met_.store(true);
}

template <class Words>
void DatagramLoop<Words>::lose(Connection& connection,
                               const Outstanding::Request& request) {
  ++counts_.lost;
  if (window_.is_open()) ++counts_.lost_in_window;
  connection.given_up.add(request.number);
}

template <class Words>
void DatagramLoop<Words>::give_up_the_lost(std::int64_t now) {
  for (Connection& connection : connections_) {
    const std::size_t before = connection.outstanding.size();
    while (const auto request = connection.outstanding.take_sent_until(now - timeout_ns_))
      lose(connection, *request);
    if (connection.outstanding.size() == before) continue;
    ask(connection, now);
    end_if_done(connection);
  }
}

/// Until it is connected, and until the load begins, a connection asks for one reply.
template <class Words>
bool DatagramLoop<Words>::may_ask(const Connection& connection) const {
  if (connection.state == State::connecting) return connection.outstanding.empty();
  return connection.state == State::open && now_in_ > Phase::greeting;
}

template <class Words>
void DatagramLoop<Words>::ask(Connection& connection, std::int64_t now) {
  while (now_in_ < Phase::draining && may_ask(connection)) {
    const auto intended = workload_.next(now, connection.outstanding.size());
    if (!intended) return;
    if (connection.intended_ns == 0) connection.intended_ns = *intended;
    if (!send(connection, now)) return;
    connection.intended_ns = 0;
  }
}

/// False: not now, or never. A socket that has no room says when it has (EPOLLOUT); what
/// the kernel drops for other reasons (a full device, a firewall) is a lost datagram.
template <class Words>
bool DatagramLoop<Words>::send(Connection& connection, std::int64_t now) {
  const ssize_t n =
      transmit(connection.fd.get(), compose(connection.index, connection.asked));
  watch(connection, would_block(n));
  if (would_block(n)) return false;
  if (n < 0 && n != -ENOBUFS && n != -ENOMEM && n != -EPERM) {
    fail(connection,
         connection.state == State::connecting ? errors_.connect : errors_.reset,
         fmt::format("send: {}", std::strerror(static_cast<int>(-n))));
    return false;
  }
  connection.outstanding.add({connection.asked++, connection.intended_ns, now});
  ++counts_.sent;
  return true;
}

/// The words that are this request's in the connection's endless text, with the numbers
/// in place of the payload's first ones. Good until the next call.
template <class Words>
Bytes DatagramLoop<Words>::compose(std::uint64_t connection, std::uint64_t number) {
  const Room request = request_.room();
  for (std::size_t filled = 0; filled < request.size();) {
    const Room rest = request.subspan(filled);
    const Bytes bytes =
        words_.at(connection, number * request.size() + filled, rest.size());
    std::ranges::copy(bytes, rest.begin());
    filled += bytes.size();
  }
  const Numbers numbers{connection, number};
  std::memcpy(request.subspan(header_bytes_).data(), numbers.data(), sizeof numbers);
  return request;
}

template <class Words>
void DatagramLoop<Words>::watch(Connection& connection, bool to_send) {
  if (connection.waits_to_send == to_send) return;
  connection.waits_to_send = to_send;
  epoll_event event{};
  event.events = to_send ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.ptr = &connection;
  checked(::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection.fd.get(), &event),
          "epoll_ctl(MOD)");
}

/// Nobody ends a conversation in datagrams: the socket is closed once nothing is awaited.
template <class Words>
void DatagramLoop<Words>::end_if_done(Connection& connection) {
  if (now_in_ != Phase::draining) return;
  if (connection.outstanding.empty() || connection.state == State::connecting)
    close(connection);
  else
    watch(connection, false);
}

template <class Words>
void DatagramLoop<Words>::fail(Connection& connection, std::uint64_t& kind,
                               const std::string& why) {
  ++kind;
  add(failures_);
  if (first_failure_.empty()) first_failure_ = why;
  if (connection.state == State::connecting) {
    --connecting_;
    add(settled_);
  }
  close(connection);
}

/// What is still awaited then is lost.
template <class Words>
void DatagramLoop<Words>::close(Connection& connection) {
  if (connection.state == State::unborn || connection.state == State::closed) return;
  while (const auto request = connection.outstanding.take_sent_until(now_ns()))
    lose(connection, *request);
  connection.state = State::closed;
  connection.waits_to_send = false;
  connection.fd.reset();
  --alive_;
}

template <class Words>
void DatagramLoop<Words>::add_to(LoadResult& result) const {
  window_.add_to(result);
  result.datagrams += counts_;
  result.errors += errors_;
  result.connected += connected();
  if (result.first_failure.empty()) result.first_failure = first_failure_;
  for (const Connection& connection : connections_)
    result.requests_per_connection.push_back(connection.in_window);
}

template class DatagramLoop<Pattern>;
template class DatagramLoop<WorkWords>;

}  // namespace echolab
