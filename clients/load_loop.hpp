// LoadLoop: the clients of one thread that speak over streams, in one event loop.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <numeric>
#include <optional>
#include <span>
#include <vector>

#include "clients/epoll_engine.hpp"
#include "clients/http_caller.hpp"
#include "clients/load_thread.hpp"
#include "clients/pace.hpp"
#include "clients/standing.hpp"
#include "clients/trickle.hpp"
#include "clients/uring_engine.hpp"
#include "clients/work_caller.hpp"

namespace echolab {

/// The clients of one thread, each a `Caller` (EchoCaller, WorkCaller, HttpCaller), on an
/// `Engine` (EpollEngine says what that is): both chosen once per load, so that a message
/// meets neither a virtual call nor a branch. Everything belongs to the thread that calls
/// run(). No lock and no allocation once all connections are made.
template <class Caller, class Engine>
class LoadLoop final : public LoadThread {
 public:
  using Peer = typename Engine::Peer;

  /// `arguments`: for the engine, after its needs.
  template <class... Arguments>
  LoadLoop(const LoadPlan& plan, const typename Caller::Words& words,
           std::span<const Address> addresses, const Share& share,
           const Timetable& timetable, Arguments&&... arguments);

  void add_to(LoadResult& result) const override;

  // --- what the engine tells
  void on_connected(Peer& peer, int error);
  void on_heard(Peer& peer, Room news);
  void on_end(Peer& peer, int error);
  void on_writable(Peer& peer) { send_more(of(peer), engine_.now_ns()); }

 private:
  enum class State : std::uint8_t { unborn, connecting, open, closing, closed };

  struct Request : Stamps {
    std::uint64_t end = 0;  ///< where it ends among all bytes of its connection
  };

  // Two cache lines, what a message touches first: with thousands of connections, misses
  // are most of what a generator costs beyond its system calls.
  struct alignas(64) Connection : Peer {
    Connection(Caller c, Request* r) : caller(c), requests(r) {}
    Caller caller;
    State state = State::unborn;
    bool is_blocked = false;      ///< the socket takes no more
    bool is_resting = false;      ///< of the slow: until its pace lets it go on
    std::uint32_t life = 0;       ///< of those that connect anew: which
    std::uint64_t asked = 0;      ///< requests
    std::uint64_t begun = 0;      ///< of them: the first byte left
    std::uint64_t begun_end = 0;  ///< where those end: Request::end
    std::uint64_t answered = 0;   ///< of them
    std::uint64_t in_window = 0;  ///< of them
    Request* requests;            ///< number k at k & ring_mask_
  };
  static_assert(!std::same_as<Engine, EpollEngine> || sizeof(Caller) > 64 ||
                sizeof(Connection) == 128);

  static constexpr std::size_t most_deferred = 64;
  static constexpr std::size_t most_of_any = 64;  ///< outstanding, with --on-busy any
  /// Of wrong bytes it is found out from which connection they are so many times.
  static constexpr std::uint64_t thorough_inquiries = 64;
  static constexpr std::size_t most_places = 64 * 1024;  ///< … among so many requests
  static constexpr std::size_t connections_per_source = 8192;

  // --- from the first connect to the last close
  [[nodiscard]] std::int64_t now_ns() const override { return engine_.now_ns(); }
  void begin() override { engine_.begin(); }
  bool connect_some() override;
  bool start(Connection& connection);
  [[nodiscard]] unsigned source_number(const Connection& connection) const;
  void established(Connection& connection);
  void give_up_connecting() override;
  void greet() override;
  void take_up(std::int64_t now_ns) override;
  void finish() override;
  [[nodiscard]] bool is_over() const override { return alive_ == 0; }
  void give_up_the_rest() override;
  // --- a connection that ends, and connects anew
  void end_life(Connection& connection);
  void end_saying(Connection& connection);
  void be_reborn(Connection& connection);
  // --- one turn of the loop
  void turn(std::int64_t at_most_ns) override;
  void keep_time(std::int64_t now_ns);
  [[nodiscard]] std::optional<std::uint32_t> one_more();
  // --- one connection
  void record_answers(Connection& connection, std::int64_t now_ns);
  [[nodiscard]] std::int64_t wants_since_ns(const Connection& connection,
                                            std::uint64_t oldest) const;
  [[nodiscard]] std::uint64_t slots_freed(const Connection& connection,
                                          std::uint64_t news) const;
  void may_ask_again(Connection& connection, std::uint64_t times, std::int64_t now_ns);
  void ask_all(Connection& connection, std::int64_t now_ns);
  [[nodiscard]] std::uint64_t most_outstanding(const Connection& connection) const;
  void ask(Connection& connection, std::int64_t intended_ns, std::int64_t eligible_ns);
  void send_more(Connection& connection, std::int64_t now_ns);
  void stamp_begun(Connection& connection, std::int64_t now_ns);
  void stamp_the_deferred();
  void end_if_done(Connection& connection);
  void fail(Connection& connection, std::uint64_t& kind, const std::string& why);
  void close(Connection& connection);
  // --- what was wrong: only of a connection that has failed
  void fail_wrong(Connection& connection);
  void fail_ended(Connection& connection, std::uint64_t& kind, const std::string& why);
  void fail_silent(Connection& connection);
  /// On the wire.
  [[nodiscard]] std::uint64_t request_bytes(std::uint64_t connection,
                                            std::uint64_t number) const {
    if constexpr (requires { words_->request_bytes(connection, number); })
      return words_->request_bytes(connection, number);
    else
      return sizes_.of(connection, number);
  }
  [[nodiscard]] RequestSizes request_sizes() const {
    return [this](std::uint64_t connection, std::uint64_t number) {
      return request_bytes(connection, number);
    };
  }
  [[nodiscard]] Standing standing_of(const Connection& connection) const {
    return {.connection = connection.caller.connection(),
            .asked = connection.asked,
            .begun = connection.begun,
            .answered = connection.answered,
            .asked_bytes = connection.caller.asked(),
            .verified_bytes = connection.caller.verified()};
  }
  // --- the slow
  void trickle(Connection& connection, std::int64_t now_ns);
  void rest(Connection& connection, std::int64_t now_ns);
  void go_on(Connection& connection, std::int64_t now_ns);
  void hurry(Connection& connection);

  static Connection& of(Peer& peer) { return static_cast<Connection&>(peer); }
  [[nodiscard]] static std::size_t most_outstanding(const LoadPlan& plan) {
    return plan.workload.on_busy == OnBusy::any ? std::max(plan.pipeline, most_of_any)
                                                : plan.pipeline;
  }
  [[nodiscard]] static bool may_take(const Connection& connection) {
    return connection.state == State::open || connection.state == State::connecting;
  }
  [[nodiscard]] bool is_spare(const Connection& connection) const {
    return index_of(connection) >= share_.connections;
  }
  [[nodiscard]] std::size_t index_of(const Connection& connection) const {
    return static_cast<std::size_t>(&connection - connections_.data());
  }
  [[nodiscard]] std::int64_t& opened_ns(const Connection& connection) {
    return opened_ns_[index_of(connection)];
  }

  const typename Caller::Words* words_;
  const std::span<const Address> addresses_;
  const SizeLaw sizes_;        ///< of requests without heads
  const std::uint64_t depth_;  ///< requests outstanding per connection
  const Manners manners_;
  Pace pace_;

  Engine engine_;
  const std::uint64_t ring_mask_;  ///< of a connection's ring of requests
  std::vector<Request> requests_;
  std::vector<Connection> connections_;
  std::vector<std::int64_t> opened_ns_;    ///< of each connection: connect(); half-close
  std::vector<std::int64_t> heard_ns_;     ///< of each connection: its last reply
  std::vector<std::uint32_t> to_connect_;  ///< a stack of indices, the next on top
  std::vector<std::uint32_t> spare_;       ///< those that were not needed yet
  std::size_t turn_ = 0;                   ///< of --on-busy any
  std::uint64_t starts_ = 0;               ///< connects, ever
  std::vector<Request*> deferred_;         ///< begun, and still in this process
  std::size_t connecting_ = 0;
  std::size_t alive_ = 0;

  Histogram connect_;
  Histogram first_byte_;
  Histogram close_;
};

template <class Caller, class Engine>
template <class... Arguments>
LoadLoop<Caller, Engine>::LoadLoop(const LoadPlan& plan,
                                   const typename Caller::Words& words,
                                   std::span<const Address> addresses, const Share& share,
                                   const Timetable& timetable, Arguments&&... arguments)
    : LoadThread(plan, share, timetable),
      words_(&words),
      addresses_(addresses),
      sizes_(plan.sizes.value_or(SizeLaw(plan.payload_bytes))),
      depth_(plan.pipeline),
      manners_(plan.manners),
      pace_(plan.manners.rate, share.connections),
      engine_(EngineNeeds{.connections = share.connections + share.spare,
                          .most_unsent = most_outstanding(plan) * plan.request_bytes(),
                          .bytes_stay = std::same_as<typename Caller::Words, Pattern>,
                          .most_heard = manners_.reads_slowly() ? pace_.quantum() : 0,
                          .reads_little = manners_.reads_slowly()},
              std::forward<Arguments>(arguments)...),
      ring_mask_(std::bit_ceil(most_outstanding(plan)) - 1),
      requests_((share.connections + share.spare) * (ring_mask_ + 1)),
      opened_ns_(share.connections + share.spare),
      heard_ns_(share.connections + share.spare) {
  const std::size_t all = share.connections + share.spare;
  connections_.reserve(all);
  for (std::size_t i = 0; i < all; ++i)
    connections_.emplace_back(Caller(words, share.first + i),
                              &requests_[i * (ring_mask_ + 1)]);
  deferred_.reserve(most_deferred + ring_mask_ + 1);
  to_connect_.resize(share.connections);
  std::iota(to_connect_.rbegin(), to_connect_.rend(), 0U);
  spare_.resize(share.spare);
  std::iota(spare_.rbegin(), spare_.rend(),
            static_cast<std::uint32_t>(share.connections));
}

/// Keeps a bounded number of connects under way, so that the listen queue is not flooded.
template <class Caller, class Engine>
bool LoadLoop<Caller, Engine>::connect_some() {
  while (!to_connect_.empty() && connecting_ < plan_.connects_at_once) {
    if (!start(connections_[to_connect_.back()])) break;
  }
  return connecting_ > 0;
}

/// False when the server's queue is full (a Unix socket's): try again in a moment.
template <class Caller, class Engine>
bool LoadLoop<Caller, Engine>::start(Connection& connection) {
  const Address& server = addresses_.front();
  std::optional<Address> source;
  if (share_.first + index_of(connection) >= connections_per_source ||
      manners_.is_reborn())
    source = loopback_source(server, source_number(connection));
  opened_ns(connection) = engine_.now_ns();
  const int error = engine_.connect(connection, server, source);
  if (error == EAGAIN && server.family() == AF_UNIX) return false;
  to_connect_.pop_back();
  ++starts_;
  connection.state = State::connecting;
  ++connecting_;
  ++alive_;
  if (error != EINPROGRESS) on_connected(connection, error);
  return true;
}

/// Ports run out: of a source's 28 000 each may be in TIME_WAIT for a minute.
template <class Caller, class Engine>
unsigned LoadLoop<Caller, Engine>::source_number(const Connection& connection) const {
  const std::uint64_t number =
      manners_.is_reborn() ? share_.first + starts_ : share_.first + index_of(connection);
  return static_cast<unsigned>(1 + number / connections_per_source % 250);
}

template <class Caller, class Engine>
void LoadLoop<Caller, Engine>::on_connected(Peer& peer, int error) {
  if (error == 0) return established(of(peer));
  fail(of(peer), errors_.connect, fmt::format("connect: {}", std::strerror(error)));
}

template <class Caller, class Engine>
void LoadLoop<Caller, Engine>::established(Connection& connection) {
  --connecting_;
  connection.state = State::open;
  const std::int64_t now = engine_.now_ns();
  connect_.record(now - opened_ns(connection));
  if (connection.life > 0) return may_ask_again(connection, 1, now);
  add(connected_);
  if (is_spare(connection)) return send_more(connection, now);
  add(settled_);
}

template <class Caller, class Engine>
void LoadLoop<Caller, Engine>::give_up_connecting() {
  for (Connection& connection : connections_) {
    if (is_spare(connection)) break;
    if (connection.state == State::unborn) ++alive_, ++connecting_;
    if (connection.state == State::unborn || connection.state == State::connecting) {
      connection.state = State::connecting;
      fail(connection, errors_.timeout, "connect: no answer within --timeout");
    }
  }
  to_connect_.clear();
}

template <class Caller, class Engine>
void LoadLoop<Caller, Engine>::greet() {
  for (Connection& connection : connections_) ask_all(connection, engine_.now_ns());
}

template <class Caller, class Engine>
void LoadLoop<Caller, Engine>::take_up(std::int64_t now) {
  if (!manners_.asks()) return;
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

/// A connect that is still under way is given up: nobody waits for it. The slow hurry.
template <class Caller, class Engine>
void LoadLoop<Caller, Engine>::finish() {
  to_connect_.clear();
  for (Connection& connection : connections_) {
    connection.caller.finish();
    if (connection.state == State::connecting && connection.asked == 0) close(connection);
    if (manners_.rate > 0 && connection.state == State::open) hurry(connection);
    end_if_done(connection);
  }
}

template <class Caller, class Engine>
void LoadLoop<Caller, Engine>::give_up_the_rest() {
  for (Connection& connection : connections_) {
    if (connection.state == State::open) fail_silent(connection);
    close(connection);
  }
}

template <class Caller, class Engine>
void LoadLoop<Caller, Engine>::turn(std::int64_t at_most_ns) {
  if (!to_connect_.empty() && agenda_.has_begun()) connect_some();
  const std::int64_t due = std::min(due_ns(), pace_.due_ns());
  stamp_the_deferred();
  if (plan_.spin) at_most_ns = 0;
  const std::int64_t now = agenda_.is_open() || due != never_ns ? engine_.now_ns() : 0;
  if (due != never_ns) at_most_ns = std::clamp<std::int64_t>(due - now, 0, at_most_ns);
  engine_.wait(at_most_ns);
  if (agenda_.is_open()) agenda_.was_late(now + at_most_ns, engine_.now_ns());
  // Before the events: a reply that comes after the window's end is not in the window.
  follow_phase();
  if (due_ns() != never_ns) keep_time(engine_.now_ns());
  engine_.deliver(*this);
  while (const auto rested = pace_.next(engine_.now_ns()))
    go_on(connections_[*rested], engine_.now_ns());
}

/// A connection for an arrival that found none free: the next in turn that has room, or a
/// new one, whose request leaves when it is connected.
template <class Caller, class Engine>
std::optional<std::uint32_t> LoadLoop<Caller, Engine>::one_more() {
  if (plan_.workload.on_busy == OnBusy::make) {
    if (spare_.empty()) return std::nullopt;
    const std::uint32_t index = spare_.back();
    spare_.pop_back();
    to_connect_.push_back(index);
    if (start(connections_[index])) return index;
    to_connect_.pop_back();  // a Unix socket's queue is full: it waits for a slot
    spare_.push_back(index);
    return std::nullopt;
  }
  for (std::size_t tried = 0; tried < connections_.size(); ++tried) {
    turn_ = turn_ + 1 < connections_.size() ? turn_ + 1 : 0;
    const Connection& connection = connections_[turn_];
    if (connection.state == State::open &&
        connection.asked - connection.answered < ring_mask_ + 1)
      return static_cast<std::uint32_t>(turn_);
  }
  return std::nullopt;
}

/// What is due by now: a boundary of the load, and requests.
template <class Caller, class Engine>
void LoadLoop<Caller, Engine>::keep_time(std::int64_t now) {
  while (is_due(now)) pass_boundary();
  if (agenda_.is_at_once()) return;
  const auto is_alive = [&](std::uint32_t index) {
    return connections_[index].state == State::open;
  };
  const auto drop = [&](std::int64_t intended, std::int64_t late) {
    window_.drop(intended, late);
  };
  while (const auto next =
             agenda_.next(now, is_alive, drop, [this] { return one_more(); })) {
    Connection& connection = connections_[next->connection];
    if (!may_take(connection)) {  // its thought ends with it, or it did not come about
      if (agenda_.is_open()) window_.give_up_unsent(next->intended_ns, now);
      continue;
    }
    ask(connection, next->intended_ns, next->eligible_ns);
    now = engine_.now_ns();
    while (is_due(now)) pass_boundary();  // or who was due after it would not count
    if (connection.state == State::connecting)
      connection.is_blocked = true;  // established() sends it
    else
      send_more(connection, now);
  }
  drain_if_over();
}

template <class Caller, class Engine>
void LoadLoop<Caller, Engine>::on_end(Peer& peer, int error) {
  Connection& connection = of(peer);
  if (error != 0)
    return fail_ended(connection, errors_.reset,
                      fmt::format("recv: {}", std::strerror(error)));
  if (connection.state == State::closing && connection.answered == connection.asked) {
    close_.record(engine_.now_ns() - opened_ns(connection));
    close(connection);
    return be_reborn(connection);
  }
  fail_ended(connection, errors_.closed_early, "the server closed the connection");
}

template <class Caller, class Engine>
void LoadLoop<Caller, Engine>::on_heard(Peer& peer, Room news) {
  Connection& connection = of(peer);
  const bool is_first = connection.caller.verified() == 0;
  connection.caller.hear(news);
  if (connection.caller.wrong()) return fail_wrong(connection);
  const std::int64_t now = engine_.now_ns();
  if (is_due(now)) pass_boundary();
  if (is_first) first_byte_.record(now - opened_ns(connection));
  record_answers(connection, now);
  end_if_done(connection);
  if (manners_.reads_slowly()) rest(connection, now);
  if (due_ns() <= now) keep_time(now);
}

/// Counts the replies that are whole, and gives their slots back.
template <class Caller, class Engine>
void LoadLoop<Caller, Engine>::record_answers(Connection& connection, std::int64_t now) {
  const std::uint64_t before = connection.answered;
  while (connection.answered < connection.asked) {
    const Request& request = connection.requests[connection.answered & ring_mask_];
    if (request.end > connection.caller.verified()) break;
    ++connection.answered;
    if (window_.count(request, now)) ++connection.in_window;
  }
  const std::uint64_t news = connection.answered - before;
  if (news == 0) return;
  window_.starved(wants_since_ns(connection, before), now);
  heard_ns_[index_of(connection)] = now;
  outstanding_ -= news;
  if (before == 0) add(served_);
  add(answered_, news);
  if (window_.quota_met() && !quota_met()) quota_met_.store(true);
  if (manners_.is_reborn() && connection.answered == manners_.requests)
    return end_life(connection);
  if constexpr (requires { connection.caller.is_over(); })
    if (connection.caller.is_over() &&
        (!is_draining() || connection.answered < connection.asked))
      return fail(connection, errors_.closed_early, connection.caller.ending());
  may_ask_again(connection, slots_freed(connection, news), now);
}

template <class Caller, class Engine>
void LoadLoop<Caller, Engine>::may_ask_again(Connection& connection, std::uint64_t times,
                                             std::int64_t now) {
  if (agenda_.is_at_once()) return ask_all(connection, now);
  if (!agenda_.has_begun() || !manners_.asks()) return;
  const auto index = static_cast<std::uint32_t>(index_of(connection));
  for (std::uint64_t i = 0; i < times; ++i) agenda_.freed(index, now);
  agenda_.has_room();
}

/// Since when `oldest`, of the requests without a reply the first, has kept it waiting.
template <class Caller, class Engine>
std::int64_t LoadLoop<Caller, Engine>::wants_since_ns(const Connection& connection,
                                                      std::uint64_t oldest) const {
  return std::max(heard_ns_[index_of(connection)],
                  connection.requests[oldest & ring_mask_].intended_ns);
}

/// Of `news` replies, how many gave a slot back: what is outstanding beyond the depth
/// (--on-busy any) had none.
template <class Caller, class Engine>
std::uint64_t LoadLoop<Caller, Engine>::slots_freed(const Connection& connection,
                                                    std::uint64_t news) const {
  const std::uint64_t left = connection.asked - connection.answered;
  return std::min(left + news, depth_) - std::min(left, depth_);
}

/// Everything that may be outstanding: one request to greet, then as the pipeline says.
template <class Caller, class Engine>
void LoadLoop<Caller, Engine>::ask_all(Connection& connection, std::int64_t now) {
  if (connection.state != State::open || is_draining()) return;
  const std::uint64_t most = most_outstanding(connection);
  if (connection.asked - connection.answered >= most) return;
  while (connection.asked - connection.answered < most) ask(connection, now, now);
  send_more(connection, now);
}

template <class Caller, class Engine>
std::uint64_t LoadLoop<Caller, Engine>::most_outstanding(
    const Connection& connection) const {
  if (!agenda_.has_begun()) return manners_.greets() && connection.asked == 0 ? 1 : 0;
  if (!manners_.asks()) return 0;
  if (!manners_.is_reborn()) return depth_;
  return std::min(depth_, manners_.requests - connection.answered);
}

template <class Caller, class Engine>
void LoadLoop<Caller, Engine>::ask(Connection& connection, std::int64_t intended,
                                   std::int64_t eligible) {
  Request& request = connection.requests[connection.asked & ring_mask_];
  request.intended_ns = intended;
  request.eligible_ns = eligible;
  connection.caller.ask(request_bytes(connection.caller.connection(), connection.asked));
  request.end = connection.caller.asked();
  ++connection.asked;
  ++outstanding_;
}

template <class Caller, class Engine>
void LoadLoop<Caller, Engine>::send_more(Connection& connection, std::int64_t now) {
  if (manners_.writes_slowly() && !is_draining()) return trickle(connection, now);
  const Next next = engine_.send(connection, connection.caller);
  stamp_begun(connection, now);
  // Who says why it takes no more (413) will be heard, and then its end.
  constexpr bool tells_why = requires {
    connection.caller.refusal();
  };
  if (!tells_why && next == Next::closed && !connection.caller.done())
    return fail_ended(connection, errors_.reset,
                      "send: the server closed the connection");
  connection.is_blocked = next == Next::writable;
  if (manners_.half_closes() && connection.asked == manners_.requests)
    end_saying(connection);
}

/// `now`: before the bytes left. Who had to wait for the socket was not eligible before.
template <class Caller, class Engine>
void LoadLoop<Caller, Engine>::stamp_begun(Connection& connection, std::int64_t now) {
  while (connection.begun < connection.asked &&
         connection.begun_end < connection.caller.said()) {
    Request& request = connection.requests[connection.begun++ & ring_mask_];
    connection.begun_end = request.end;
    if (connection.is_blocked) request.eligible_ns = now;
    request.sent_ns = now;
    window_.sent(request);
    if constexpr (Engine::is_deferred) deferred_.push_back(&request);
  }
  if constexpr (Engine::is_deferred)
    if (deferred_.size() >= most_deferred) {
      stamp_the_deferred();
      engine_.submit();
    }
}

/// They leave now.
template <class Caller, class Engine>
void LoadLoop<Caller, Engine>::stamp_the_deferred() {
  if (deferred_.empty()) return;
  const std::int64_t now = engine_.now_ns();
  for (Request* request : deferred_) request->sent_ns = now;
  deferred_.clear();
}

template <class Caller, class Engine>
void LoadLoop<Caller, Engine>::end_life(Connection& connection) {
  if (manners_.half_closes()) return;  // it has ended already, and waits for the server
  connection.caller.finish();
  if (manners_.ending == Manners::Ending::fin) return;  // end_if_done() does it
  engine_.reset(connection);
  close(connection);
  be_reborn(connection);
}

/// Its end is said with the last byte of its requests; the replies are still to come.
template <class Caller, class Engine>
void LoadLoop<Caller, Engine>::end_saying(Connection& connection) {
  if (connection.state != State::open || !connection.caller.output().empty()) return;
  connection.caller.finish();
  connection.state = State::closing;
  opened_ns(connection) = engine_.now_ns();
  engine_.half_close(connection);
}

/// With a text of its own, so that what the last life left over is seen.
template <class Caller, class Engine>
void LoadLoop<Caller, Engine>::be_reborn(Connection& connection) {
  if (!manners_.is_reborn() || is_draining()) return;
  const std::uint64_t life = ++connection.life;
  const std::uint64_t text =
      scrambled(life << 32 ^ (share_.first + index_of(connection))) >> 32;
  connection.caller = Caller(*words_, text);
  connection.state = State::unborn;
  connection.is_blocked = false;
  connection.asked = connection.begun = connection.begun_end = connection.answered = 0;
  to_connect_.push_back(static_cast<std::uint32_t>(index_of(connection)));
}

/// Some bytes leave, and the next ones when it has rested.
template <class Caller, class Engine>
void LoadLoop<Caller, Engine>::trickle(Connection& connection, std::int64_t now) {
  if (connection.is_resting) return;
  Trickle some(connection.caller, pace_.quantum());
  const Next next = engine_.send(connection, some);
  stamp_begun(connection, now);
  if (next == Next::closed && !connection.caller.done())
    return fail_ended(connection, errors_.reset,
                      "send: the server closed the connection");
  connection.is_blocked = next == Next::writable;
  if (!connection.caller.output().empty() && next != Next::writable)
    rest(connection, now);
}

template <class Caller, class Engine>
void LoadLoop<Caller, Engine>::rest(Connection& connection, std::int64_t now) {
  if (connection.state != State::open || connection.is_resting || is_draining()) return;
  connection.is_resting = true;
  if constexpr (Engine::can_pause)
    if (manners_.reads_slowly()) engine_.pause(connection);
  pace_.rest(static_cast<std::uint32_t>(index_of(connection)), now);
}

template <class Caller, class Engine>
void LoadLoop<Caller, Engine>::go_on(Connection& connection, std::int64_t now) {
  connection.is_resting = false;
  if (connection.state != State::open) return;
  if constexpr (Engine::can_pause)
    if (manners_.reads_slowly()) return engine_.resume(connection);
  send_more(connection, now);
}

/// The last replies are waited for as anybody's are: --timeout is the server's, not that
/// of who reads slowly.
template <class Caller, class Engine>
void LoadLoop<Caller, Engine>::hurry(Connection& connection) {
  if constexpr (Engine::can_pause)
    if (manners_.reads_slowly()) engine_.hurry(connection);
  go_on(connection, engine_.now_ns());
}

/// Says that nothing more will come (half-close) once every reply is here; the server
/// then ends the connection. One that was never asked may not even have been accepted.
template <class Caller, class Engine>
void LoadLoop<Caller, Engine>::end_if_done(Connection& connection) {
  if (connection.state != State::open || !connection.caller.done()) return;
  if (connection.asked == 0) return close(connection);
  connection.state = State::closing;
  opened_ns(connection) = engine_.now_ns();
  engine_.half_close(connection);
}

template <class Caller, class Engine>
void LoadLoop<Caller, Engine>::fail(Connection& connection, std::uint64_t& kind,
                                    const std::string& why) {
  note_failure(kind, why);
  if (connection.state == State::connecting) {
    --connecting_;
    if (!is_spare(connection)) add(settled_);
  }
  errors_.lost_replies += connection.begun - connection.answered;
  outstanding_ -= connection.asked - connection.answered;
  const std::int64_t now = engine_.now_ns();
  for (std::uint64_t k = connection.answered; k < connection.asked; ++k) {
    const std::int64_t intended = connection.requests[k & ring_mask_].intended_ns;
    k < connection.begun ? window_.give_up(intended, now)
                         : window_.give_up_unsent(intended, now);
  }
  close(connection);
}

/// Wrong bytes came: says whose they are, as far as the first ones of a load go.
template <class Caller, class Engine>
void LoadLoop<Caller, Engine>::fail_wrong(Connection& connection) {
  const bool thorough = errors_.mismatch < thorough_inquiries;
  std::vector<RequestPlace> own;
  std::vector<RequestPlace> others;
  add_places(standing_of(connection), request_sizes(), own);
  for (const Connection& other : connections_)
    if (thorough && &other != &connection && others.size() < most_places)
      add_places(standing_of(other), request_sizes(), others);
  const Fault fault = connection.caller.fault({own, others, thorough});
  ++errors_.of(fault.kind);
  fail(connection, errors_.mismatch, fault.text);
}

/// The connection ended before its time: says at which point of a reply.
template <class Caller, class Engine>
void LoadLoop<Caller, Engine>::fail_ended(Connection& connection, std::uint64_t& kind,
                                          const std::string& why) {
  const PartOfReply part = part_of_reply(standing_of(connection), request_sizes());
  if (part.bytes > 0) ++errors_.truncated;
  std::string text = why + part.text;
  if (plan_.work && part.bytes == 0)
    text += "; its log says which frame it refused, if any";
  fail(connection, kind, text);
}

/// Its replies have not come in time.
template <class Caller, class Engine>
void LoadLoop<Caller, Engine>::fail_silent(Connection& connection) {
  ++(connection.answered == 0 ? errors_.stalled : errors_.silent);
  std::optional<std::int64_t> waits_ns;
  if (connection.answered < connection.begun)
    waits_ns =
        engine_.now_ns() - connection.requests[connection.answered & ring_mask_].sent_ns;
  fail(connection, errors_.timeout,
       told_silence(standing_of(connection), request_sizes(), waits_ns));
}

template <class Caller, class Engine>
void LoadLoop<Caller, Engine>::close(Connection& connection) {
  if (connection.state == State::unborn || connection.state == State::closed) return;
  if (connection.answered < connection.asked)
    window_.starved(wants_since_ns(connection, connection.answered), engine_.now_ns());
  connection.state = State::closed;
  engine_.close(connection);
  --alive_;
}

template <class Caller, class Engine>
void LoadLoop<Caller, Engine>::add_to(LoadResult& result) const {
  LoadThread::add_to(result);
  result.details->connect.merge(connect_);
  result.details->first_byte.merge(first_byte_);
  result.details->close.merge(close_);
  result.memory_bytes +=
      connections_.size() * (sizeof(Connection) + sizeof(opened_ns_[0]) +
                             sizeof(heard_ns_[0]) + sizeof(to_connect_[0])) +
      requests_.size() * sizeof(Request);
  for (const Connection& connection : connections_)
    if (!is_spare(connection) || connection.state != State::unborn)
      result.requests_per_connection.push_back(connection.in_window);
}

extern template class LoadLoop<EchoCaller, EpollEngine>;
extern template class LoadLoop<WorkCaller, EpollEngine>;
extern template class LoadLoop<HttpCaller, EpollEngine>;
extern template class LoadLoop<EchoCaller, UringEngine>;
extern template class LoadLoop<WorkCaller, UringEngine>;
extern template class LoadLoop<HttpCaller, UringEngine>;

}  // namespace echolab
