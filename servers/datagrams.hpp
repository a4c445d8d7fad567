// Datagrams: one datagram is a conversation of one message.
#pragma once

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string_view>

#include "common/drive.hpp"
#include "servers/job.hpp"

namespace echolab {

/// No datagram needs more room (udp(7)).
constexpr std::size_t datagram_room = 64 * 1024;

inline std::size_t room_per_datagram(const Job& job) {
  return std::min(job.buffer_bytes, datagram_room);
}

/// Why a datagram gets no answer; empty: it gets one.
inline std::string_view unanswerable(const Address& sender, bool truncated) {
  return truncated ? "it is longer than --buffer" : unanswerable(sender);
}

/// Waits for the next datagram that is to be answered; returns its size. Those that are
/// not are counted. Empty once the listener is stopped and all that had come is received.
/// Other errors than EINTR are past ones of the socket, told once.
inline std::optional<std::size_t> receive_from(Listener& listener, Room room,
                                               Address& sender) {
  for (;;) {
    sender.size = sizeof sender.storage;
    // MSG_TRUNC: the datagram's own length is returned, however much of it fits.
    const ssize_t n = ::recvfrom(listener.fd(), room.data(), room.size(), MSG_TRUNC,
                                 sender.get(), &sender.size);
    if (n < 0) continue;
    const auto size = static_cast<std::size_t>(n);
    if (n == 0 && sender.size == 0 && listener.is_over()) return std::nullopt;
    const std::string_view why = unanswerable(sender, size > room.size());
    if (why.empty()) return size;
    listener.turned_away(why);
  }
}

inline void lose_reply(Listener& listener, int error) {
  listener.turned_away(::strerrordesc_np(error));
}

/// A server that waits until there is room for a reply is held up by one client who does
/// not read. So a reply that cannot leave now (MSG_DONTWAIT) is lost, as any datagram may
/// be. Over Unix sockets a reply keeps its room in the server's socket until it is read,
/// and the queue of a client that is connected to the server has no bound of its own
/// (unix_dgram_sendmsg in the kernel): one such client who never reads can take all of
/// ListenOptions::queue_bytes, and until it leaves nobody is answered. Their paths are
/// for their owner alone (0600).
inline void send_to(Listener& listener, Bytes reply, const Address& receiver) {
  ssize_t n = 0;
  do
    n = ::sendto(listener.fd(), reply.data(), reply.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                 receiver.get(), receiver.size);
  while (n < 0 && errno == EINTR);
  if (n < 0) lose_reply(listener, errno);
}

/// What a new session says to a datagram of `size` bytes, which is in its input(): one
/// datagram, an empty one to an empty one; none where the protocol has nothing to say.
template <Session S>
std::optional<Bytes> reply_to(S& session, std::size_t size) {
  if (size == 0) return Bytes{};
  session.received(size);
  const Bytes reply = session.output();
  return reply.empty() ? std::nullopt : std::optional(reply);
}

}  // namespace echolab
