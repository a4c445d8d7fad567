// bare_epoll: the level-triggered echo loop as one would write it for speed alone.
//
// One buffer for all, no table of clients, no limits, no timeouts, no drain: the least
// that an epoll server can do per message (epoll_wait, recv, send). What a full socket
// did not take is kept and finished when it is writable. After epoll(7), EXAMPLES.

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <unordered_map>
#include <vector>

#include "bench/baselines/baseline.hpp"

namespace {

using echolab::Fd;

std::array<char, echolab::baseline::buffer_bytes> buffer;
std::unordered_map<int, std::vector<char>> rest;  // of the few that do not read

void watch(int epoll, int how, int fd, unsigned events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  ::epoll_ctl(epoll, how, fd, &event);
}

void end(int fd) {
  rest.erase(fd);
  const Fd owned(fd);
}

void send_rest(int epoll, int fd) {
  std::vector<char>& left = rest[fd];
  const ssize_t n = ::send(fd, left.data(), left.size(), MSG_NOSIGNAL);
  if (n < 0 && errno != EAGAIN) return end(fd);
  if (n > 0) left.erase(left.begin(), left.begin() + n);
  if (!left.empty()) return;
  rest.erase(fd);
  watch(epoll, EPOLL_CTL_MOD, fd, EPOLLIN);
}

void echo(int epoll, int fd) {
  const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), 0);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) return end(fd);
  ssize_t sent = ::send(fd, buffer.data(), static_cast<std::size_t>(n), MSG_NOSIGNAL);
  if (sent == n) return;
  if (sent < 0 && errno != EAGAIN) return end(fd);
  if (sent < 0) sent = 0;
  rest[fd].assign(buffer.begin() + sent, buffer.begin() + n);
  watch(epoll, EPOLL_CTL_MOD, fd, EPOLLOUT);
}

void serve(echolab::Listener& listener) {
  listener.non_blocking();
  const Fd set(echolab::checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1"));
  const int epoll = set.get();
  watch(epoll, EPOLL_CTL_ADD, listener.fd(), EPOLLIN);
  std::array<epoll_event, 256> events;
  for (;;) {
    const int ready = ::epoll_wait(epoll, events.data(), events.size(), -1);
    for (int i = 0; i < ready; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      const int fd = event.data.fd;
      if (fd == listener.fd()) {
        const int client = ::accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client >= 0) watch(epoll, EPOLL_CTL_ADD, client, EPOLLIN);
      } else if ((event.events & EPOLLOUT) != 0) {
        send_rest(epoll, fd);
      } else {
        echo(epoll, fd);
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  return echolab::baseline::run("bare_epoll", argc, argv, serve);
}
