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

enum class Transport { tcp, unix_stream, udp, unix_datagram };

/// Streams: `tcp://host:port`, `tcp://[v6]:port`, `unix://path`; datagrams: `udp://` as
/// tcp, `unixgram://path`. The host is a name or a number, the port a number or a service
/// name (getaddrinfo(3)); port 0 lets the kernel choose.
struct Endpoint {
  Transport transport = Transport::tcp;
  std::string host;  ///< tcp, udp: without brackets
  std::string port;  ///< tcp, udp
  std::string path;  ///< unix, unixgram: at most 107 bytes (unix(7))

  /// Throws UsageError that names what is wrong with `text`.
  static Endpoint parse(std::string_view text);
  [[nodiscard]] std::string text() const;

  [[nodiscard]] bool is_datagram() const {
    return transport == Transport::udp || transport == Transport::unix_datagram;
  }
  /// A path on this machine.
  [[nodiscard]] bool is_local() const {
    return transport == Transport::unix_stream || transport == Transport::unix_datagram;
  }
  /// SOCK_STREAM or SOCK_DGRAM.
  [[nodiscard]] int socket_type() const {
    return is_datagram() ? SOCK_DGRAM : SOCK_STREAM;
  }
};

/// No datagram carries more: 65 507 bytes over IPv4, 65 527 over IPv6 (udp(7), RFC 768).
constexpr std::size_t longest_datagram = 65'507;

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
std::string endpoint_text(const Address& address, Transport inet = Transport::tcp);

/// The port of an IPv4 or IPv6 address, else 0.
std::uint16_t port_of(const Address& address);

/// Why a datagram from `sender` gets no answer; empty: it may have one.
///
/// An answer to a port of the system's own (echo, chargen, DNS, TFTP) may be answered in
/// turn, and whoever forges one sender sets two servers at each other for ever:
/// CVE-2024-2169. A Unix socket that was never bound has no address to be answered at.
std::string_view unanswerable(const Address& sender);

/// The n-th loopback source address, 127.0.0.1 + n, for a client that needs more than one
/// address has ports (about 28 000: ip_local_port_range). Empty unless `server` is IPv4
/// loopback.
std::optional<Address> loopback_source(const Address& server, unsigned n);

/// A blocking socket connected to the first address that answers, Nagle off. Throws
/// Unreachable. A datagram socket's connect() asks nobody: where there is one address it
/// is taken, of several (localhost is ::1 and 127.0.0.1) the first that does not refuse
/// an empty datagram.
Fd connect_to(const Endpoint& endpoint);

/// A non-blocking socket on its way to `server`, Nagle off; `error` is 0 when connected,
/// EINPROGRESS, or why it failed (then there is no descriptor). EAGAIN from a Unix socket
/// means that the listen queue is full: try again later (connect(2)). A datagram socket
/// (`type` SOCK_DGRAM) is connected at once, and has an address to be answered at.
struct Connecting {
  Fd fd;
  int error = 0;
};
Connecting start_connect(const Address& server,
                         const std::optional<Address>& source = std::nullopt,
                         int type = SOCK_STREAM);

/// How a started connect ended: 0 or an errno (SO_ERROR: connect(2), EINPROGRESS).
int connect_error(int fd);

}  // namespace echolab
