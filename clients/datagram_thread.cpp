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

/// How often the lost are looked for: late enough to cost nothing.
std::int64_t look_ns(std::int64_t timeout_ns) {
  return std::clamp<std::int64_t>(timeout_ns / 8, 1'000'000, tick_ns);
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
                                  const Address& server, const Share& share,
                                  const Timetable& timetable)
    : LoadThread(plan, share, timetable),
      words_(words),
      header_bytes_(plan.request_bytes() - plan.payload_bytes),
      sizes_(plan.sizes.value_or(SizeLaw(plan.payload_bytes))),
      server_(server),
      timeout_ns_(plan.datagram_timeout.count()),
      epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      received_(longest_datagram + 1),
      request_(plan.request_bytes()),
      events_(batch) {
  connections_.reserve(share.connections);
  for (std::size_t i = 0; i < share.connections; ++i)
    connections_.emplace_back(share.first + i, plan.pipeline);
}

/// Keeps a bounded number of first requests under way: no server's queue takes them all.
template <class Words>
bool DatagramLoop<Words>::connect_some() {
  while (unborn_ < connections_.size() && connecting_ < connects_at_once)
    start(connections_[unborn_++]);
  return connecting_ > 0;
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
  ask_all(connection, clock_ns());
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
void DatagramLoop<Words>::take_up(std::int64_t now) {
  if (agenda_.is_at_once()) {
    for (Connection& connection : connections_) ask_all(connection, clock_ns());
    return;
  }
  for (std::size_t slot = 0; slot < plan_.pipeline; ++slot)
    for (Connection& connection : connections_)
      if (connection.state == State::open && connection.outstanding.size() <= slot)
        freed(connection, now);
}

template <class Words>
void DatagramLoop<Words>::finish() {
  for (Connection& connection : connections_) end_if_done(connection);
}

template <class Words>
void DatagramLoop<Words>::give_up_the_rest() {
  for (Connection& connection : connections_) close(connection);
}

template <class Words>
void DatagramLoop<Words>::turn(std::int64_t at_most_ns) {
  const std::int64_t due = due_ns();
  std::int64_t patience = std::min(look_ns(timeout_ns_), at_most_ns);
  if (plan_.spin) patience = 0;
  const std::int64_t before = agenda_.is_open() || due != never_ns ? clock_ns() : 0;
  if (due != never_ns) patience = std::clamp<std::int64_t>(due - before, 0, patience);
  const auto news = wait_for_events(epoll_.get(), events_, patience);
  if (agenda_.is_open()) agenda_.was_late(before + patience, clock_ns());
  // Before the events: a reply that comes after the window's end is not in the window.
  follow_phase();
  if (due_ns() != never_ns) keep_time(clock_ns());
  for (const epoll_event& event : news) {
    auto& connection = *static_cast<Connection*>(event.data.ptr);
    if (connection.state == State::closed) continue;  // by enter(), after the wait
    if ((event.events & ~EPOLLOUT) != 0) hear(connection);
    if (connection.waits_to_send) ask_all(connection, clock_ns());
    if (due_ns() != never_ns) keep_time(clock_ns());
  }
  const std::int64_t now = clock_ns();
  if (now < next_look_ns_) return;
  next_look_ns_ = now + look_ns(timeout_ns_);
  give_up_the_lost(now);
}

/// What is due by now: a boundary of the load, and requests. A datagram that the socket
/// has no room for is lost: nobody sends it late.
template <class Words>
void DatagramLoop<Words>::keep_time(std::int64_t now) {
  while (is_due(now)) pass_boundary();
  if (agenda_.is_at_once()) return;
  const auto is_alive = [&](std::uint32_t index) {
    return connections_[index].state == State::open;
  };
  const auto none = [] { return std::optional<std::uint32_t>(); };
  const auto drop = [&](std::int64_t intended, std::int64_t late) {
    window_.drop(intended, late);
  };
  while (const auto next = agenda_.next(now, is_alive, drop, none)) {
    Connection& connection = connections_[next->connection];
    if (connection.state != State::open) continue;
    now = clock_ns();
    while (is_due(now)) pass_boundary();  // or who was due after it would not count
    send(connection, {next->intended_ns, next->eligible_ns, now});
  }
  drain_if_over();
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
    if (!is_right(connection, reply)) {
      const Fault fault = fault_of(connection, reply);
      ++errors_.of(fault.kind);
      return fail(connection, errors_.mismatch, fault.text);
    }
    const std::int64_t now = clock_ns();
    if (is_due(now)) pass_boundary();
    on_reply(connection, numbers_in(reply)[1], now);
  } while (!connection.outstanding.empty());
  ask_all(connection, clock_ns());
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
  if (reply.size() < header_bytes_ + sizes_.least()) return false;
  const auto [index, number] = numbers_in(reply);
  if (index != connection.index || number >= connection.asked) return false;
  return std::ranges::equal(reply, compose(index, number));
}

/// What a reply is that is not right.
template <class Words>
Fault DatagramLoop<Words>::fault_of(const Connection& connection, Bytes reply) {
  const std::string which =
      fmt::format("connection {}: a datagram of {} B", connection.index, reply.size());
  if (reply.size() < header_bytes_ + sizes_.least())
    return {Wrong::altered, fmt::format("{}, cut off: a reply has {} B at least", which,
                                        header_bytes_ + sizes_.least())};
  const auto [index, number] = numbers_in(reply);
  const Bytes right = compose(index, number);
  if (reply.size() < right.size())
    return {Wrong::altered,
            fmt::format("{}, cut off: a reply has {} B", which, right.size())};
  if (reply.size() > right.size())
    return {Wrong::unasked, fmt::format("{}: a reply has {} B", which, right.size())};
  const auto [wrong, expected] = std::ranges::mismatch(reply, right);
  if (wrong == reply.end() && index >= plan_.connections)
    return {Wrong::altered, which + ": its number of the connection is nobody's"};
  if (wrong != reply.end())
    return {Wrong::altered,
            fmt::format("{}, reply {}, byte {}: {:#04x} instead of {:#04x}", which,
                        number, wrong - reply.begin(), static_cast<unsigned>(*wrong),
                        static_cast<unsigned>(*expected))};
  if (index != connection.index)
    return {Wrong::swapped, fmt::format("{}: the bytes of connection {}, reply {}", which,
                                        index, number)};
  return {Wrong::unasked, fmt::format("{}: the reply to request {}, but {} were sent",
                                      which, number, connection.asked)};
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
  --outstanding_;
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
  want_no_longer(connection, now);
  if (!connection.outstanding.empty()) connection.wants_ns = now;
  freed(connection, now);
  if (window_.count(*request, now)) ++connection.in_window;
  if (window_.quota_met()) quota_met_.store(true);
}

/// It had its reply, or waits for none.
template <class Words>
void DatagramLoop<Words>::want_no_longer(Connection& connection, std::int64_t now) {
  if (connection.wants_ns != never_ns) window_.starved(connection.wants_ns, now);
  connection.wants_ns = never_ns;
}

/// Where the agenda says who asks; else ask_all() takes the slot again.
template <class Words>
void DatagramLoop<Words>::freed(Connection& connection, std::int64_t now) {
  if (agenda_.is_at_once()) return;
  if (agenda_.has_begun())
    agenda_.freed(static_cast<std::uint32_t>(&connection - connections_.data()), now);
}

template <class Words>
void DatagramLoop<Words>::lose(Connection& connection,
                               const Outstanding::Request& request) {
  --outstanding_;
  ++counts_.lost;
  if (window_.is_open()) ++counts_.lost_in_window;
  connection.given_up.add(request.number);
}

template <class Words>
void DatagramLoop<Words>::give_up_the_lost(std::int64_t now) {
  for (Connection& connection : connections_) {
    const std::size_t before = connection.outstanding.size();
    while (const auto request =
               connection.outstanding.take_sent_until(now - timeout_ns_)) {
      lose(connection, *request);
      freed(connection, now);
    }
    // Who always asks goes on wanting: its next request takes the place of the lost one.
    if (connection.outstanding.empty() && !agenda_.is_at_once())
      want_no_longer(connection, now);
    if (connection.outstanding.size() == before) continue;
    ask_all(connection, now);
    end_if_done(connection);
  }
}

/// Until it is connected, and until the load begins, a connection asks for one reply.
template <class Words>
bool DatagramLoop<Words>::may_ask(const Connection& connection) const {
  if (is_draining() || connection.state == State::closed) return false;
  if (connection.state == State::connecting) return connection.outstanding.empty();
  return agenda_.is_at_once() && agenda_.has_begun() &&
         connection.outstanding.size() < plan_.pipeline;
}

template <class Words>
void DatagramLoop<Words>::ask_all(Connection& connection, std::int64_t now) {
  while (may_ask(connection)) {
    if (connection.intended_ns == 0) connection.intended_ns = now;
    if (!send(connection, {connection.intended_ns, now, now})) return;
    connection.intended_ns = 0;
  }
}

/// False: not now, or never. A socket that has no room says when it has (EPOLLOUT); what
/// the kernel drops for other reasons (a full device, a firewall) is a lost datagram.
template <class Words>
bool DatagramLoop<Words>::send(Connection& connection, const Stamps& stamps) {
  const ssize_t n =
      transmit(connection.fd.get(), compose(connection.index, connection.asked));
  const bool is_to_wait = would_block(n) && agenda_.is_at_once();
  watch(connection, is_to_wait);
  if (is_to_wait) return false;
  if (n < 0 && !would_block(n) && n != -ENOBUFS && n != -ENOMEM && n != -EPERM) {
    fail(connection,
         connection.state == State::connecting ? errors_.connect : errors_.reset,
         fmt::format("send: {}", std::strerror(static_cast<int>(-n))));
    return false;
  }
  connection.wants_ns = std::min(connection.wants_ns, stamps.intended_ns);
  connection.outstanding.add({stamps, connection.asked++});
  ++outstanding_;
  window_.sent(stamps);
  ++counts_.sent;
  return true;
}

/// The words that are this request's in the connection's endless text, with the numbers
/// in place of the payload's first ones. Good until the next call.
template <class Words>
Bytes DatagramLoop<Words>::compose(std::uint64_t connection, std::uint64_t number) {
  const Room request =
      request_.room().first(header_bytes_ + sizes_.of(connection, number));
  // Text enough for the longest; a frame begins where its number says.
  const std::uint64_t begin = number * request_.room().size();
  typename Words::Place place{};
  if constexpr (requires { place.number; }) place = {number, begin};
  for (std::size_t filled = 0; filled < request.size();) {
    const Room rest = request.subspan(filled);
    const Bytes bytes = words_.at(connection, begin + filled, rest.size(), place);
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
  if (!is_draining()) return;
  if (connection.outstanding.empty() || connection.state == State::connecting)
    close(connection);
  else
    watch(connection, false);
}

template <class Words>
void DatagramLoop<Words>::fail(Connection& connection, std::uint64_t& kind,
                               const std::string& why) {
  note_failure(kind, why);
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
  while (const auto request = connection.outstanding.take_sent_until(clock_ns()))
    lose(connection, *request);
  want_no_longer(connection, clock_ns());
  connection.state = State::closed;
  connection.waits_to_send = false;
  connection.fd.reset();
  --alive_;
}

template <class Words>
void DatagramLoop<Words>::add_to(LoadResult& result) const {
  LoadThread::add_to(result);
  result.datagrams += counts_;
  for (const Connection& connection : connections_)
    result.requests_per_connection.push_back(connection.in_window);
}

template class DatagramLoop<Pattern>;
template class DatagramLoop<WorkWords>;

}  // namespace echolab
