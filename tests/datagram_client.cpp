#include "tests/datagram_client.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

namespace echolab::tests {
namespace {

bool wait(const Fd& fd, short events, std::chrono::milliseconds bound) {
  pollfd socket{.fd = fd.get(), .events = events, .revents = 0};
  return ::poll(&socket, 1, static_cast<int>(bound.count())) == 1;
}

}  // namespace

bool DatagramClient::send(std::string_view datagram, Bound bound) const {
  const auto deadline = std::chrono::steady_clock::now() + bound;
  while (::send(fd_.get(), datagram.data(), datagram.size(),
                MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    if (errno != EAGAIN || std::chrono::steady_clock::now() > deadline) return false;
    wait(fd_, POLLOUT, std::chrono::milliseconds(10));
  }
  return true;
}

std::optional<std::string> DatagramClient::receive(Bound bound) const {
  if (!wait(fd_, POLLIN, bound)) return std::nullopt;
  std::string datagram(128 * 1024, '\0');
  const ssize_t n = ::recv(fd_.get(), datagram.data(), datagram.size(), MSG_DONTWAIT);
  if (n < 0) return std::nullopt;
  datagram.resize(static_cast<std::size_t>(n));
  return datagram;
}

Answer DatagramClient::ask(std::string_view text, Bound bound) const {
  if (!send(text, bound)) return Answer::silent;
  const auto reply = receive(bound);
  if (!reply) return Answer::silent;
  return *reply == text ? Answer::echoed : Answer::corrupt;
}

}  // namespace echolab::tests
