// Endpoint: where a server is, as people write it; and how a client gets there.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/fd.hpp"

namespace echolab {

enum class Transport { tcp, unix_stream };

/// `tcp://host:port`, `tcp://[v6]:port`, `unix://path`. The host is a name or a number,
/// the port a number or a service name (getaddrinfo(3)); port 0 lets the kernel choose.
struct Endpoint {
  Transport transport = Transport::tcp;
  std::string host;  ///< tcp: without brackets
  std::string port;  ///< tcp
  std::string path;  ///< unix: at most 107 bytes (unix(7))

  /// Throws UsageError that names what is wrong with `text`.
  static Endpoint parse(std::string_view text);
  [[nodiscard]] std::string text() const;
};

/// One socket address of any family.
struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;

  [[nodiscard]] int family() const { return storage.ss_family; }
  [[nodiscard]] const sockaddr* get() const {
    return reinterpret_cast<const sockaddr*>(&storage);
  }
  [[nodiscard]] sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

/// The addresses of an endpoint in the order to try them, at least one. Throws
/// Unreachable when the name does not resolve.
std::vector<Address> resolve(const Endpoint& endpoint, bool to_listen = false);

/// `address` as an endpoint text, numbers only.
std::string endpoint_text(const Address& address);

/// The port of an IPv4 or IPv6 address, else 0.
std::uint16_t port_of(const Address& address);

/// The n-th loopback source address, 127.0.0.1 + n, for a client that needs more than one
/// address has ports (about 28 000: ip_local_port_range). Empty unless `server` is IPv4
/// loopback.
std::optional<Address> loopback_source(const Address& server, unsigned n);

/// A blocking socket connected to the first address that answers, Nagle off. Throws
/// Unreachable.
Fd connect_to(const Endpoint& endpoint);

/// A non-blocking socket on its way to `server`, Nagle off; `error` is 0 when connected,
/// EINPROGRESS, or why it failed (then there is no descriptor). EAGAIN from a Unix socket
/// means that the listen queue is full: try again later (connect(2)).
struct Connecting {
  Fd fd;
  int error = 0;
};
Connecting start_connect(const Address& server,
                         const std::optional<Address>& source = std::nullopt);

/// How a started connect ended: 0 or an errno (SO_ERROR: connect(2), EINPROGRESS).
int connect_error(int fd);

}  // namespace echolab
