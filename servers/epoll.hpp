// Epoll: the kernel's list of descriptors that somebody waits for.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>

#include "common/fd.hpp"

namespace echolab {

/// One epoll set and the news of it. Not for more than one thread.
class Epoll {
 public:
  /// For one who is told once, and waits for one direction at a time.
  static constexpr std::uint32_t all_news = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  static constexpr std::uint32_t end_of_peer = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

  Epoll() : set_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")) {}

  /// `who` is what the news of `fd` will point to. False when the kernel has no memory or
  /// no watch left for it (epoll_ctl(2): ENOMEM, ENOSPC).
  [[nodiscard]] bool add(int fd, std::uint32_t events, void* who) const {
    return control(EPOLL_CTL_ADD, fd, events, who);
  }

  /// Has what is true of `fd` told once more, behind the news that there is already.
  void repeat(int fd, std::uint32_t events, void* who) const {
    control(EPOLL_CTL_MOD, fd, events, who);
  }

  void remove(int fd) const { control(EPOLL_CTL_DEL, fd, 0, nullptr); }

  /// The news, waited for; empty after `patience_ms` (-1: no bound) or an interruption.
  [[nodiscard]] std::span<const epoll_event> wait(int patience_ms) {
    const int ready = ::epoll_wait(set_.get(), news_.data(),
                                   static_cast<int>(news_.size()), patience_ms);
    if (ready < 0 && errno != EINTR) checked(ready, "epoll_wait");
    return {news_.data(), ready < 0 ? 0 : static_cast<std::size_t>(ready)};
  }

 private:
  bool control(int how, int fd, std::uint32_t events, void* who) const {
    epoll_event event{};
    event.events = events;
    event.data.ptr = who;
    return ::epoll_ctl(set_.get(), how, fd, &event) == 0;
  }

  Fd set_;
  std::array<epoll_event, 256> news_;
};

}  // namespace echolab
