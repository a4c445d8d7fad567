// udp_batched: as udp_iterative, but all that has come in one call.
//
// The idea   recvmmsg waits for the first datagram and takes along those that have come
//            meanwhile, up to a whole batch; sendmmsg sends their replies. The busier the
//            server, the more messages share a call: it is lazy only when it must hurry.
// Waits in   recvmmsg, for the first datagram alone (MSG_WAITFORONE).
// Calls      recvmmsg, sendmmsg.
// Costs      Two calls per batch of 1 to 64 datagrams; a buffer for each place in it, of
//            which only those pages cost memory that a datagram has ever filled.
// Traps      The timeout of recvmmsg is looked at only after a datagram: useless (its
//            BUGS). The kernel overwrites the lengths of the names: set them again for
//            each call. sendmmsg stops at the first datagram that it cannot send, and
//            says why only when it is the first one: lose that one, go on after it.
// Source     recvmmsg(2), sendmmsg(2); Cloudflare, "How to receive a million packets".
// Next       udp_per_request: a process for each datagram.

#include <vector>

#include "common/buffer.hpp"
#include "servers/datagrams.hpp"
#include "servers/parts.hpp"

namespace echolab {
namespace {

/// Datagrams on their way in or out, as the two calls want them.
class Batch {
 public:
  explicit Batch(std::size_t size) : places_(size), parts_(size) {}

  void put(std::size_t i, const void* bytes, std::size_t size, Address& other) {
    parts_[i] = {.iov_base = const_cast<void*>(bytes), .iov_len = size};
    places_[i] = {};
    places_[i].msg_hdr.msg_name = other.get();
    places_[i].msg_hdr.msg_namelen = other.size;
    places_[i].msg_hdr.msg_iov = &parts_[i];
    places_[i].msg_hdr.msg_iovlen = 1;
  }

  [[nodiscard]] std::size_t receive(int fd) {
    const int n = ::recvmmsg(fd, places_.data(), static_cast<unsigned>(places_.size()),
                             MSG_WAITFORONE, nullptr);
    return n < 0 ? 0 : static_cast<std::size_t>(n);  // an error is a past one, told once
  }

  /// The first `count`; what cannot leave is lost.
  void send(Listener& listener, std::size_t count) {
    for (std::size_t gone = 0; gone < count;) {
      const int n =
          ::sendmmsg(listener.fd(), &places_[gone], static_cast<unsigned>(count - gone),
                     MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) lose_reply(listener, errno);
      gone += n < 0 ? 1 : static_cast<std::size_t>(n);
    }
  }

  [[nodiscard]] const mmsghdr& operator[](std::size_t i) const { return places_[i]; }

 private:
  std::vector<mmsghdr> places_;
  std::vector<iovec> parts_;
};

template <Protocol P>
void serve(const Job& job, const P& protocol) {
  constexpr std::size_t batch = 64;
  const std::size_t room = room_per_datagram(job);
  const Buffer memory(batch * room);
  const auto session = [&](std::size_t i) {
    return protocol.serve(memory.room().subspan(i * room, room));
  };
  std::vector<SessionOf<P>> sessions;
  for (std::size_t i = 0; i < batch; ++i) sessions.push_back(session(i));
  std::vector<Address> senders(batch);
  Batch requests(batch);
  Batch replies(batch);
  for (std::size_t used = batch;;) {
    for (std::size_t i = 0; i < used; ++i) {  // the others are as they were
      sessions[i] = session(i);
      senders[i].size = sizeof senders[i].storage;
      requests.put(i, sessions[i].input().data(), sessions[i].input().size(), senders[i]);
    }
    used = requests.receive(job.listener.fd());
    const auto size_of = [&](std::size_t i) { return std::size_t{requests[i].msg_len}; };
    const bool nothing =
        used == 1 && size_of(0) == 0 && requests[0].msg_hdr.msg_namelen == 0;
    if (nothing && job.listener.is_over()) return;
    std::size_t answers = 0;
    for (std::size_t i = 0; i < used; ++i) {
      const msghdr& request = requests[i].msg_hdr;
      senders[i].size = request.msg_namelen;
      const auto why = unanswerable(senders[i], (request.msg_flags & MSG_TRUNC) != 0);
      if (!why.empty())
        job.listener.turned_away(why);
      else if (const auto reply = reply_to(sessions[i], size_of(i)))
        replies.put(answers++, reply->data(), reply->size(), senders[i]);
    }
    replies.send(job.listener, answers);
  }
}

}  // namespace

void udp_batched(const Job& job) {
  std::visit([&](const auto& protocol) { serve(job, protocol); }, job.protocol);
}

}  // namespace echolab
