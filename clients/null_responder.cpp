#include "clients/null_responder.hpp"

#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "common/buffer.hpp"
#include "common/drive.hpp"

namespace echolab {
namespace {

constexpr std::size_t room_bytes = 64 * 1024;  // no IP datagram is longer (udp(7))

class Streams {
 public:
  explicit Streams(Listener& listener)
      : listener_(listener),
        epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
        memory_(room_bytes) {
    listener.non_blocking();
    checked(watch(EPOLL_CTL_ADD, listener.fd(), EPOLLIN), "epoll_ctl(ADD)");
  }

  void respond() {
    std::array<epoll_event, 256> news{};
    for (;;) {
      const int ready =
          ::epoll_wait(epoll_.get(), news.data(), static_cast<int>(news.size()), -1);
      if (ready < 0 && errno != EINTR) checked(ready, "epoll_wait");
      for (int i = 0; i < ready; ++i) {
        const epoll_event& event = news[static_cast<std::size_t>(i)];
        if (event.data.fd == listener_.fd()) {
          if (!accept()) return;
        } else if ((event.events & EPOLLOUT) != 0) {
          send_rest(event.data.fd);
        } else {
          echo(event.data.fd);
        }
      }
    }
  }

 private:
  /// `rest`: received and not yet sent back; its client is not read from meanwhile.
  struct Client {
    Fd fd;
    std::vector<std::byte> rest;
    std::size_t sent = 0;  ///< of rest
  };

  int watch(int how, int fd, std::uint32_t events) const {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    return ::epoll_ctl(epoll_.get(), how, fd, &event);
  }

  bool accept() {
    return listener_.accept_waiting([this](Fd fd) {
      const auto place = static_cast<std::size_t>(fd.get());
      if (watch(EPOLL_CTL_ADD, fd.get(), EPOLLIN) != 0)
        return listener_.turned_away(::strerrordesc_np(errno));
      if (place >= clients_.size()) clients_.resize(place + 1);
      clients_[place].fd = std::move(fd);
    });
  }

  void end(int fd) { of(fd) = Client(); }

  void echo(int fd) {
    const ssize_t n = receive(fd, memory_.room());
    if (would_block(n)) return;
    if (n <= 0) return end(fd);
    const Bytes bytes = Bytes(memory_.room()).first(static_cast<std::size_t>(n));
    const ssize_t sent = transmit(fd, bytes);
    if (sent == n) return;
    if (sent < 0 && !would_block(sent)) return end(fd);
    const Bytes rest =
        bytes.subspan(static_cast<std::size_t>(std::max<ssize_t>(sent, 0)));
    of(fd).rest.assign(rest.begin(), rest.end());
    watch(EPOLL_CTL_MOD, fd, EPOLLOUT);
  }

  void send_rest(int fd) {
    Client& client = of(fd);
    const ssize_t n = transmit(fd, Bytes(client.rest).subspan(client.sent));
    if (would_block(n)) return;
    if (n < 0) return end(fd);
    client.sent += static_cast<std::size_t>(n);
    if (client.sent < client.rest.size()) return;
    client.rest = {};  // gives the memory back
    client.sent = 0;
    watch(EPOLL_CTL_MOD, fd, EPOLLIN);
  }

  Client& of(int fd) { return clients_[static_cast<std::size_t>(fd)]; }

  Listener& listener_;
  Fd epoll_;
  Buffer memory_;                ///< received bytes, sent back at once: one for all
  std::vector<Client> clients_;  ///< by descriptor
};

class Datagrams {
 public:
  explicit Datagrams(Listener& listener)
      : listener_(listener), memory_(batch * room_bytes) {}

  void respond() {
    for (std::size_t used = batch;;) {
      for (std::size_t i = 0; i < used; ++i) make_room(i);  // the others are as they were
      const int n =
          ::recvmmsg(listener_.fd(), places_.data(), batch, MSG_WAITFORONE, nullptr);
      used =
          n < 0 ? 0 : static_cast<std::size_t>(n);  // an error is a past one, told once
      const bool nothing =
          used == 1 && places_[0].msg_len == 0 && places_[0].msg_hdr.msg_namelen == 0;
      if (nothing && listener_.is_over()) return;
      echo(used);
    }
  }

 private:
  static constexpr std::size_t batch = 64;

  void make_room(std::size_t i) {
    senders_[i].size = sizeof senders_[i].storage;
    parts_[i] = {.iov_base = memory_.room().subspan(i * room_bytes).data(),
                 .iov_len = room_bytes};
    places_[i] = {};
    places_[i].msg_hdr.msg_name = senders_[i].get();
    places_[i].msg_hdr.msg_namelen = senders_[i].size;
    places_[i].msg_hdr.msg_iov = &parts_[i];
    places_[i].msg_hdr.msg_iovlen = 1;
  }

  /// Each goes back as it lies, but for those that must not be answered.
  void echo(std::size_t used) {
    std::size_t first = 0;
    for (std::size_t i = 0; i < used; ++i) {
      senders_[i].size = places_[i].msg_hdr.msg_namelen;
      parts_[i].iov_len = places_[i].msg_len;
      const std::string_view why = (places_[i].msg_hdr.msg_flags & MSG_TRUNC) != 0
                                       ? "it is longer than 64 KiB"
                                       : unanswerable(senders_[i]);
      if (why.empty()) continue;
      listener_.turned_away(why);
      send(first, i);
      first = i + 1;
    }
    send(first, used);
  }

  /// sendmmsg stops at the first that cannot leave, and says why only when it is the
  /// first of all: that one is lost, the others are not.
  void send(std::size_t first, std::size_t end) {
    while (first < end) {
      const int n =
          ::sendmmsg(listener_.fd(), &places_[first], static_cast<unsigned>(end - first),
                     MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) listener_.turned_away(::strerrordesc_np(errno));
      first += n < 0 ? 1 : static_cast<std::size_t>(n);
    }
  }

  Listener& listener_;
  Buffer memory_;
  std::array<Address, batch> senders_{};
  std::array<iovec, batch> parts_{};
  std::array<mmsghdr, batch> places_{};
};

std::atomic<const Listener*> to_stop{nullptr};

}  // namespace

void respond(Listener& listener) {
  if (listener.endpoint().is_datagram())
    Datagrams(listener).respond();
  else
    Streams(listener).respond();
}

StopOnSignal::StopOnSignal(const Listener& listener, std::initializer_list<int> signals) {
  to_stop = &listener;
  struct sigaction stop {};
  stop.sa_handler = [](int) {  // shutdown(2) is safe here: signal-safety(7)
    const int saved = errno;
    to_stop.load()->stop();
    errno = saved;
  };
  for (const int signal : signals) {
    Before& before = before_.emplace_back(Before{signal, {}});
    checked(::sigaction(signal, &stop, &before.action), "sigaction");
  }
}

StopOnSignal::~StopOnSignal() {
  for (const Before& before : before_)
    ::sigaction(before.signal, &before.action, nullptr);
}

}  // namespace echolab
