// DatagramClient: a client in datagrams that does just what a test tells it, with a bound
// on each wait.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/endpoint.hpp"
#include "common/fd.hpp"
#include "tests/eventually.hpp"
#include "tests/plain_client.hpp"

namespace echolab::tests {

class DatagramClient {
 public:
  using Bound = std::chrono::milliseconds;

  /// Throws Unreachable.
  explicit DatagramClient(const Endpoint& server) : fd_(connect_to(server)) {}
  /// `fd` is connected.
  explicit DatagramClient(Fd fd) : fd_(std::move(fd)) {}

  /// False when it did not leave within `bound`: a Unix server's queue stayed full.
  bool send(std::string_view datagram, Bound bound = patience) const;

  /// Empty: none came within `bound`, or the network says that nobody is there.
  [[nodiscard]] std::optional<std::string> receive(Bound bound = patience) const;

  /// Sends `text` and waits for it to come back.
  [[nodiscard]] Answer ask(std::string_view text, Bound bound = patience) const;

 private:
  Fd fd_;
};

}  // namespace echolab::tests
