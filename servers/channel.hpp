// Channel: children that are talked to, message by message; and clients as messages.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <optional>

#include "common/fd.hpp"
#include "servers/children.hpp"

namespace echolab {

/// Two ends of a connection between this process and a child, message by message; empty
/// when there is no descriptor or memory left.
inline std::optional<std::array<Fd, 2>> make_channel() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return std::nullopt;
  return std::array{Fd(ends[0]), Fd(ends[1])};
}

/// A message of one byte with room for one descriptor beside it (cmsg(3)).
struct PassedMessage {
  PassedMessage() {
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
  }
  PassedMessage(const PassedMessage&) = delete;
  PassedMessage& operator=(const PassedMessage&) = delete;

  std::byte byte{};
  iovec part{.iov_base = &byte, .iov_len = 1};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> control{};
  msghdr header{};
};

/// The receiver of `channel` gets a descriptor of its own; ours stays open, and is the
/// caller's to close. False when it cannot be sent: the other end is gone, or the kernel
/// has no memory or too many descriptors under way (unix(7): ETOOMANYREFS).
inline bool pass_descriptor(int channel, const Fd& fd) {
  PassedMessage message;
  cmsghdr* rights = CMSG_FIRSTHDR(&message.header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  const int number = fd.get();
  std::memcpy(CMSG_DATA(rights), &number, sizeof number);
  for (;;) {
    if (::sendmsg(channel, &message.header, MSG_NOSIGNAL) >= 0) return true;
    if (errno != EINTR) return false;
  }
}

/// The next descriptor, waited for; none when the other end is closed. For one that finds
/// no room in our table the message comes without it (MSG_CTRUNC): an empty Fd.
inline std::optional<Fd> receive_descriptor(int channel) {
  for (;;) {
    PassedMessage message;
    const ssize_t n = ::recvmsg(channel, &message.header, MSG_CMSG_CLOEXEC);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return std::nullopt;
    const cmsghdr* rights = CMSG_FIRSTHDR(&message.header);
    if (rights == nullptr) return Fd();
    int number = -1;
    std::memcpy(&number, CMSG_DATA(rights), sizeof number);
    return Fd(number);
  }
}

/// A child at the other end of a channel.
struct ChildOnChannel {
  Fd channel;  ///< ours; empty while there is no process
  pid_t pid = -1;
  std::chrono::steady_clock::time_point start_at{};  ///< when there is none

  static constexpr std::chrono::milliseconds rest{100};  ///< before one is replaced

  /// Without a descriptor or a process to be had it is not there, and due again after a
  /// rest. The child runs `work(its part of the job, its end of the channel)`; of all
  /// other descriptors it keeps the standard streams only, for it may be forked while
  /// there are clients, and nobody would ever see the end of what it holds.
  template <class Work>
  void start(const Job& job, std::size_t number, Work&& work) {
    start_at = std::chrono::steady_clock::now() + rest;
    auto ends = make_channel();
    if (!ends) return;
    const int its = (*ends)[1].get();
    pid = start_process([&] {
      const auto other = static_cast<unsigned>(its);
      ::close_range(STDERR_FILENO + 1, other - 1, 0);
      ::close_range(other + 1, ~0U, 0);
      work(job.part(number, job.listener), its);
    });
    if (pid > 0) channel = std::move((*ends)[0]);
  }

  [[nodiscard]] bool due() const {
    return !channel && std::chrono::steady_clock::now() >= start_at;
  }

  /// After the end of its channel.
  void died(const Job& job, std::size_t number) {
    ::waitpid(pid, nullptr, 0);
    worker_died(job, number);
    channel.reset();
    start_at = std::chrono::steady_clock::now() + rest;
  }
};

}  // namespace echolab
