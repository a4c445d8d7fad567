#include "common/endpoint.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>

#include "common/error.hpp"

namespace echolab {
namespace {

constexpr std::string_view forms =
    "an endpoint is tcp://HOST:PORT, tcp://[IPV6]:PORT or unix://PATH, and for datagrams "
    "udp://HOST:PORT, udp://[IPV6]:PORT or unixgram://PATH";

struct Scheme {
  std::string_view name;
  Transport transport;
};
constexpr std::array schemes{
    Scheme{"tcp", Transport::tcp}, Scheme{"unix", Transport::unix_stream},
    Scheme{"udp", Transport::udp}, Scheme{"unixgram", Transport::unix_datagram}};

[[noreturn]] void refuse(std::string_view text, std::string_view why) {
  throw UsageError(fmt::format("'{}': {}; {}", text, why, forms));
}

Endpoint parse_inet(std::string_view text, Transport transport, std::string_view rest) {
  Endpoint endpoint;
  endpoint.transport = transport;
  std::size_t colon = rest.rfind(':');
  if (rest.starts_with('[')) {
    const std::size_t bracket = rest.find(']');
    if (bracket == rest.npos) refuse(text, "the ']' after the IPv6 address is missing");
    endpoint.host = rest.substr(1, bracket - 1);
    rest.remove_prefix(bracket + 1);
    if (!rest.starts_with(':')) refuse(text, "no ':PORT' after the host");
    colon = 0;
  } else {
    if (colon == rest.npos) refuse(text, "no ':PORT' after the host");
    endpoint.host = rest.substr(0, colon);
    if (endpoint.host.find(':') != std::string::npos)
      refuse(text, "an IPv6 address stands in brackets");
  }
  endpoint.port = rest.substr(colon + 1);
  if (endpoint.host.empty()) refuse(text, "the host is missing");
  if (endpoint.port.empty()) refuse(text, "the port is missing");
  // getaddrinfo reads " 7" and "+4294967303" as 7: strtoul(3).
  if (std::isalnum(static_cast<unsigned char>(endpoint.port[0])) == 0 ||
      endpoint.port.find(':') != std::string::npos)
    refuse(text, "a port is a number or a service name");
  const bool number = std::all_of(endpoint.port.begin(), endpoint.port.end(),
                                  [](char c) { return c >= '0' && c <= '9'; });
  if (number && (endpoint.port.size() > 5 || std::stol(endpoint.port) > 65'535))
    refuse(text, "a port is at most 65535");
  return endpoint;
}

Endpoint parse_unix(std::string_view text, Transport transport, std::string_view path) {
  constexpr std::size_t longest = sizeof(sockaddr_un::sun_path) - 1;
  if (path.empty()) refuse(text, "the path is missing");
  if (path.size() > longest)
    refuse(text,
           fmt::format("the path has {} bytes, a Unix socket's at most {} (unix(7))",
                       path.size(), longest));
  return {.transport = transport, .host = {}, .port = {}, .path = std::string(path)};
}

Address unix_address(const std::string& path) {
  Address address;
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), name.sun_path);
  std::memcpy(&address.storage, &name, sizeof name);
  address.size = sizeof name;
  return address;
}

void set_no_delay(int fd, int family) {
  const int on = 1;
  if (family != AF_UNIX) ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/// What a socket of this kind needs before connect(): a stream Nagle off, a Unix datagram
/// socket an address of its own, for nobody can answer it without. A bind() of the family
/// alone lets the kernel choose one (unix(7), autobind). 0 or an errno.
int prepare(int fd, int family, int type) {
  if (type == SOCK_STREAM) {
    set_no_delay(fd, family);
    return 0;
  }
  const sa_family_t local = AF_UNIX;
  if (family != AF_UNIX) return 0;
  const auto* name = reinterpret_cast<const sockaddr*>(&local);
  return ::bind(fd, name, sizeof local) == 0 ? 0 : errno;
}

/// Whether a datagram to a connected socket comes back as refused (ICMP: udp(7)).
bool is_refused(int fd) {
  constexpr int patience_ms = 100;
  if (::send(fd, nullptr, 0, MSG_NOSIGNAL) < 0) return true;
  pollfd answer{.fd = fd, .events = POLLIN, .revents = 0};
  ::poll(&answer, 1, patience_ms);
  std::byte nothing{};
  return ::recv(fd, &nothing, sizeof nothing, MSG_DONTWAIT) < 0 && errno == ECONNREFUSED;
}

template <class Name>
Name as(const Address& address) {
  Name name{};
  std::memcpy(&name, &address.storage, sizeof name);
  return name;
}

}  // namespace

Endpoint Endpoint::parse(std::string_view text) {
  if (const std::size_t nul = text.find('\0'); nul != text.npos)
    refuse(text.substr(0, nul), "a NUL byte follows");
  const std::size_t scheme_end = text.find("://");
  if (scheme_end == text.npos) refuse(text, "no '://'");
  const std::string_view scheme = text.substr(0, scheme_end);
  const std::string_view rest = text.substr(scheme_end + 3);
  const auto known = std::ranges::find(schemes, scheme, &Scheme::name);
  if (known == schemes.end())
    refuse(text, fmt::format("'{}' is no transport here", scheme));
  const Endpoint kind{.transport = known->transport, .host = {}, .port = {}, .path = {}};
  return kind.is_local() ? parse_unix(text, known->transport, rest)
                         : parse_inet(text, known->transport, rest);
}

std::string Endpoint::text() const {
  const auto scheme = std::ranges::find(schemes, transport, &Scheme::transport)->name;
  if (is_local()) return fmt::format("{}://{}", scheme, path);
  const bool v6 = host.find(':') != std::string::npos;
  return v6 ? fmt::format("{}://[{}]:{}", scheme, host, port)
            : fmt::format("{}://{}:{}", scheme, host, port);
}

std::vector<Address> resolve(const Endpoint& endpoint, bool to_listen) {
  if (endpoint.is_local()) return {unix_address(endpoint.path)};
  addrinfo hints{};
  hints.ai_socktype = endpoint.socket_type();
  hints.ai_flags = to_listen ? AI_PASSIVE : 0;
  addrinfo* found = nullptr;
  const int error =
      ::getaddrinfo(endpoint.host.c_str(), endpoint.port.c_str(), &hints, &found);
  if (error != 0)
    throw Unreachable(
        fmt::format("{}: {}", endpoint.text(),
                    error == EAI_SYSTEM ? std::strerror(errno) : ::gai_strerror(error)));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
  std::vector<Address> addresses;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    Address& address = addresses.emplace_back();
    std::memcpy(&address.storage, one->ai_addr, one->ai_addrlen);
    address.size = one->ai_addrlen;
  }
  return addresses;
}

std::uint16_t port_of(const Address& address) {
  if (address.family() == AF_INET) return ntohs(as<sockaddr_in>(address).sin_port);
  if (address.family() == AF_INET6) return ntohs(as<sockaddr_in6>(address).sin6_port);
  return 0;
}

std::string endpoint_text(const Address& address, Transport inet) {
  if (address.family() == AF_UNIX)
    return fmt::format("unix://{}", as<sockaddr_un>(address).sun_path);
  char host[NI_MAXHOST] = "?";
  ::getnameinfo(address.get(), address.size, host, sizeof host, nullptr, 0,
                NI_NUMERICHOST);
  return Endpoint{.transport = inet,
                  .host = host,
                  .port = std::to_string(port_of(address)),
                  .path = {}}
      .text();
}

std::string_view unanswerable(const Address& sender) {
  const bool local = sender.family() == AF_UNIX;
  if (sender.size <= (local ? sizeof(sa_family_t) : 0))
    return "its sender has no address";
  if (!local && port_of(sender) < IPPORT_RESERVED)
    return "its sender's port is below 1024 (CVE-2024-2169)";
  return {};
}

std::optional<Address> loopback_source(const Address& server, unsigned n) {
  if (server.family() != AF_INET) return std::nullopt;
  auto name = as<sockaddr_in>(server);
  if (ntohl(name.sin_addr.s_addr) >> 24 != IN_LOOPBACKNET) return std::nullopt;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK + n);
  name.sin_port = 0;
  Address source;
  std::memcpy(&source.storage, &name, sizeof name);
  source.size = sizeof name;
  return source;
}

Fd connect_to(const Endpoint& endpoint) {
  int error = 0;
  const int type = endpoint.socket_type();
  const std::vector<Address> addresses = resolve(endpoint);
  const bool to_be_asked = endpoint.is_datagram() && addresses.size() > 1;
  for (const Address& address : addresses) {
    Fd fd(checked(::socket(address.family(), type | SOCK_CLOEXEC, 0), "socket"));
    error = prepare(fd.get(), address.family(), type);
    if (error != 0) continue;
    if (::connect(fd.get(), address.get(), address.size) != 0)
      error = errno;
    else if (to_be_asked && is_refused(fd.get()))
      error = ECONNREFUSED;
    else
      return fd;
  }
  throw Unreachable(fmt::format("cannot connect to {}: {}; is a server listening there?",
                                endpoint.text(), std::strerror(error)));
}

Connecting start_connect(const Address& server, const std::optional<Address>& source,
                         int type) {
  Fd fd(::socket(server.family(), type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return {Fd(), errno};
  const int unfit = prepare(fd.get(), server.family(), type);
  if (unfit != 0) return {Fd(), unfit};
  if (source) {
    // The port is chosen by connect(), per destination, instead of by bind(), once for
    // all destinations: ip(7), IP_BIND_ADDRESS_NO_PORT.
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (::bind(fd.get(), source->get(), source->size) != 0) return {Fd(), errno};
  }
  if (::connect(fd.get(), server.get(), server.size) == 0) return {std::move(fd), 0};
  if (errno == EINPROGRESS || errno == EINTR) return {std::move(fd), EINPROGRESS};
  return {Fd(), errno};
}

int connect_error(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

}  // namespace echolab
