#include "tests/plain_client.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <random>

#include "common/error.hpp"

namespace echolab::tests {

std::string random_bytes(std::size_t size, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string bytes(size + sizeof(std::uint64_t), '\0');
  for (std::size_t at = 0; at < size; at += sizeof(std::uint64_t)) {
    const std::uint64_t word = random();
    std::memcpy(&bytes[at], &word, sizeof word);
  }
  bytes.resize(size);
  return bytes;
}

bool PlainClient::wait(short events, Bound bound) const {
  pollfd socket{.fd = fd_.get(), .events = events, .revents = 0};
  return ::poll(&socket, 1, static_cast<int>(bound.count())) == 1;
}

std::size_t PlainClient::send(std::string_view bytes, Bound bound) {
  std::size_t left_here = 0;
  while (left_here < bytes.size() && wait(POLLOUT, bound)) {
    const ssize_t n = ::send(fd_.get(), bytes.data() + left_here,
                             bytes.size() - left_here, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN) break;
    if (n > 0) left_here += static_cast<std::size_t>(n);
  }
  return left_here;
}

std::string PlainClient::receive(std::size_t size, Bound bound) {
  std::string bytes(size, '\0');
  std::size_t came = 0;
  while (came < size && !ended_ && wait(POLLIN, bound)) {
    const ssize_t n = ::recv(fd_.get(), bytes.data() + came, size - came, MSG_DONTWAIT);
    if (n > 0) came += static_cast<std::size_t>(n);
    ended_ = n == 0 || (n < 0 && errno != EAGAIN);
  }
  bytes.resize(came);
  return bytes;
}

Answer PlainClient::await(std::string_view text, Bound bound) {
  const std::string reply = receive(text.size(), bound);
  if (reply == text) return Answer::echoed;
  if (!text.starts_with(reply)) return Answer::corrupt;
  return ended_ ? Answer::ended : Answer::silent;
}

Answer PlainClient::ask(std::string_view text, Bound bound) {
  send(text, bound);
  return await(text, bound);
}

bool PlainClient::sees_end(Bound bound) {
  return receive(1, bound).empty() && ended_;
}

std::uint16_t PlainClient::port() const {
  Address own;
  own.size = sizeof own.storage;
  ::getsockname(fd_.get(), own.get(), &own.size);
  return port_of(own);
}

void PlainClient::half_close() {
  ::shutdown(fd_.get(), SHUT_WR);
}

void PlainClient::reset() {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  fd_.reset();
}

bool accepts_connections(const Endpoint& server) {
  try {
    return static_cast<bool>(connect_to(server));
  } catch (const Unreachable&) {
    return false;
  }
}

bool serves_a_new_client(const Endpoint& server, std::chrono::milliseconds bound) {
  return PlainClient(server).ask("new here", bound) == Answer::echoed;
}

}  // namespace echolab::tests
