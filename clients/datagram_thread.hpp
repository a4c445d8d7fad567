// DatagramLoop: the clients of one thread that speak in datagrams.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "clients/echo_caller.hpp"
#include "clients/load_thread.hpp"
#include "common/buffer.hpp"
#include "common/drive.hpp"

namespace echolab {

/// The requests of one connection that have no reply, in the order of their numbers,
/// which is that of their sending.
class Outstanding {
 public:
  struct Request : Stamps {
    std::uint64_t number = 0;
  };

  explicit Outstanding(std::size_t most) { requests_.reserve(most); }

  [[nodiscard]] std::size_t size() const { return requests_.size(); }
  [[nodiscard]] bool empty() const { return requests_.empty(); }
  void add(const Request& request) { requests_.push_back(request); }

  /// Takes request `number` out; empty: there is none.
  std::optional<Request> take(std::uint64_t number);
  /// Takes out the oldest if it was sent at `moment_ns` or before.
  std::optional<Request> take_sent_until(std::int64_t moment_ns);

 private:
  std::vector<Request> requests_;
};

/// The numbers of the requests that were given up last. A reply to one of them is late;
/// a reply to any other that is not outstanding came twice.
class GivenUp {
 public:
  explicit GivenUp(std::size_t most) : numbers_(most, none) {}

  /// Forgets the oldest for it.
  void add(std::uint64_t number) { numbers_[next_++ % numbers_.size()] = number; }
  /// False: it is not known as given up.
  bool take(std::uint64_t number);

 private:
  static constexpr std::uint64_t none = ~std::uint64_t{0};
  std::vector<std::uint64_t> numbers_;
  std::size_t next_ = 0;
};

/// What a request must have room for, and how many of one client may be under way.
struct DatagramLimits {
  static constexpr std::size_t least_payload = 16;
  static constexpr std::size_t most_outstanding = 1024;
};

/// Beside LoadLoop, in the same phases: a connection is a connected socket, a request one
/// datagram, and nothing is waited for that may never come. `Words` (Pattern, WorkWords)
/// gives the bytes; a payload begins with what tells the requests apart:
///
///                0            8        16
///     | header … | connection | number | bytes of the Pattern …
///
/// A connection counts as connected with its first reply, as no connect() tells whether
/// anybody listens. Everything belongs to the thread that calls run(). No lock and no
/// allocation once that has begun.
template <class Words>
class DatagramLoop final : public LoadThread {
 public:
  DatagramLoop(const LoadPlan& plan, const Words& words, const Address& server,
               const Share& share, const Timetable& timetable);

  void add_to(LoadResult& result) const override;

 private:
  using Numbers = std::array<std::uint64_t, 2>;
  static_assert(sizeof(Numbers) == DatagramLimits::least_payload);
  enum class State { unborn, connecting, open, closed };

  struct Connection {
    Connection(std::uint64_t i, std::size_t depth)
        : index(i), outstanding(depth), given_up(4 * depth + 16) {}
    std::uint64_t index;  ///< among all
    Fd fd;
    State state = State::unborn;
    bool waits_to_send = false;
    std::int64_t intended_ns = 0;  ///< closed loop: of a request that the socket had no
                                   ///< room for; 0: none waits
    std::int64_t wants_ns = never_ns;  ///< since when it has wanted a reply without one
    std::uint64_t asked = 0;
    std::uint64_t first_unanswered = 0;  ///< all numbers from it on have no reply yet
    std::uint64_t in_window = 0;
    Outstanding outstanding;
    GivenUp given_up;
  };

  bool connect_some() override;
  void start(Connection& connection);
  void give_up_connecting() override;
  void greet() override {}  // the first request was its connect
  void take_up(std::int64_t now_ns) override;
  void finish() override;
  [[nodiscard]] bool is_over() const override { return alive_ == 0; }
  void give_up_the_rest() override;
  void turn(std::int64_t at_most_ns) override;
  void keep_time(std::int64_t now_ns);
  void hear(Connection& connection);
  [[nodiscard]] Numbers numbers_in(Bytes datagram) const;
  [[nodiscard]] bool is_right(const Connection& connection, Bytes reply);
  [[nodiscard]] Fault fault_of(const Connection& connection, Bytes reply);
  void on_reply(Connection& connection, std::uint64_t number, std::int64_t now_ns);
  void lose(Connection& connection, const Outstanding::Request& request);
  void want_no_longer(Connection& connection, std::int64_t now_ns);
  void give_up_the_lost(std::int64_t now_ns);
  void freed(Connection& connection, std::int64_t now_ns);
  void ask_all(Connection& connection, std::int64_t now_ns);
  [[nodiscard]] bool may_ask(const Connection& connection) const;
  bool send(Connection& connection, const Stamps& stamps);
  Bytes compose(std::uint64_t connection, std::uint64_t number);
  void watch(Connection& connection, bool to_send);
  void end_if_done(Connection& connection);
  void fail(Connection& connection, std::uint64_t& kind, const std::string& why);
  void close(Connection& connection);

  const Words& words_;
  const std::size_t header_bytes_;  ///< of the protocol, before each payload
  const SizeLaw sizes_;             ///< of the payloads
  const Address server_;
  const std::int64_t timeout_ns_;

  Fd epoll_;
  Buffer received_;
  Buffer request_;
  std::vector<Connection> connections_;
  std::vector<epoll_event> events_;
  std::size_t unborn_ = 0;  ///< index of the next to connect
  std::size_t connecting_ = 0;
  std::size_t alive_ = 0;
  std::int64_t next_look_ns_ = 0;  ///< for lost ones
  DatagramCounts counts_;
};

extern template class DatagramLoop<Pattern>;
extern template class DatagramLoop<WorkWords>;

}  // namespace echolab
