// PlainClient: a client that does just what a test tells it, with a bound on each wait.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/endpoint.hpp"
#include "common/fd.hpp"
#include "tests/eventually.hpp"

namespace echolab::tests {

/// `size` bytes, the same for the same `seed`.
std::string random_bytes(std::size_t size, std::uint64_t seed = 1);

/// What became of a request.
enum class Answer {
  echoed,
  ended,    ///< the server closed or reset the connection
  silent,   ///< nothing, or not all of it, came in time
  corrupt,  ///< other bytes came than were sent
};

class PlainClient {
 public:
  using Bound = std::chrono::milliseconds;  ///< on each wait for progress

  /// Throws Unreachable.
  explicit PlainClient(const Endpoint& server) : fd_(connect_to(server)) {}

  /// Sends until all left, until the server takes no more for `bound` or has ended;
  /// returns how many bytes left.
  std::size_t send(std::string_view bytes, Bound bound = patience);

  /// `size` bytes; fewer when none came for `bound` or the server has ended.
  std::string receive(std::size_t size, Bound bound = patience);

  /// Waits for `text` to come back.
  Answer await(std::string_view text, Bound bound = patience);

  /// Sends `text` and waits for it to come back.
  Answer ask(std::string_view text, Bound bound = patience);

  /// True once the server has ended the connection, in order or by a reset; false when
  /// it sent something, or is silent for `bound`.
  bool sees_end(Bound bound = patience);

  /// Its own, over IP.
  [[nodiscard]] std::uint16_t port() const;

  void half_close();
  void close() { fd_.reset(); }
  void reset();  ///< closes with a reset where the transport has one (SO_LINGER 0)

 private:
  [[nodiscard]] bool wait(short events, Bound bound) const;

  Fd fd_;
  bool ended_ = false;
};

/// False: nobody listens there (any more).
bool accepts_connections(const Endpoint& server);

/// True when a new client gets its echo within `bound`.
bool serves_a_new_client(const Endpoint& server,
                         std::chrono::milliseconds bound = patience);

}  // namespace echolab::tests
