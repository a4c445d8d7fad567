#include "clients/null_responder.hpp"

#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <optional>

#include "common/buffer.hpp"
#include "common/drive.hpp"
#include "common/http.hpp"

namespace echolab {
namespace {

constexpr std::size_t room_bytes = 64 * 1024;  // no IP datagram is longer (udp(7))

/// Sends back what comes; `rest`: received and not yet sent, nothing is read meanwhile.
class RawClient {
 public:
  explicit RawClient(Fd socket) : fd(std::move(socket)) {}

  /// `room`: lent for this call.
  Next serve(Room room) { return rest_.empty() ? echo(room) : send_rest(); }

  Fd fd;

 private:
  Next echo(Room room) {
    const ssize_t n = receive(fd.get(), room);
    if (would_block(n)) return Next::readable;
    if (n <= 0) return Next::closed;
    const Bytes bytes = Bytes(room).first(static_cast<std::size_t>(n));
    const ssize_t sent = transmit(fd.get(), bytes);
    if (sent == n) return Next::readable;
    if (sent < 0 && !would_block(sent)) return Next::closed;
    const Bytes rest =
        bytes.subspan(static_cast<std::size_t>(std::max<ssize_t>(sent, 0)));
    rest_.assign(rest.begin(), rest.end());
    return Next::writable;
  }

  Next send_rest() {
    const ssize_t n = transmit(fd.get(), Bytes(rest_).subspan(sent_));
    if (would_block(n)) return Next::writable;
    if (n < 0) return Next::closed;
    sent_ += static_cast<std::size_t>(n);
    if (sent_ < rest_.size()) return Next::writable;
    rest_ = {};  // gives the memory back
    sent_ = 0;
    return Next::readable;
  }

  std::vector<std::byte> rest_;
  std::size_t sent_ = 0;  ///< of rest_
};

/// Answers HTTP as every model of echo_server does: whoever calls keeps to the rules.
class HttpClient {
 public:
  explicit HttpClient(Fd socket) : fd(std::move(socket)) {}

  Next serve(Room) { return advance(fd.get(), session_); }

  Fd fd;

 private:
  static constexpr std::uint64_t any_length = std::uint64_t{1} << 40;

  Buffer memory_{2 * room_bytes};  // pages that no byte reaches cost nothing
  HttpSession session_{memory_.room(), {.max_body_bytes = any_length}};
};

template <class Client>
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
        const int fd = news[static_cast<std::size_t>(i)].data.fd;
        if (fd != listener_.fd()) {
          serve(fd);
        } else if (!accept()) {
          return;
        }
      }
    }
  }

 private:
  struct Place {
    std::optional<Client> client;
    Next next = Next::readable;
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
      if (place >= places_.size()) places_.resize(place + 1);
      places_[place].next = Next::readable;
      places_[place].client.emplace(std::move(fd));
    });
  }

  void serve(int fd) {
    Place& place = places_[static_cast<std::size_t>(fd)];
    const Next before = place.next;
    place.next = place.client->serve(memory_.room());
    if (place.next == Next::closed) return place.client.reset();
    if (place.next != before)
      watch(EPOLL_CTL_MOD, fd, place.next == Next::writable ? EPOLLOUT : EPOLLIN);
  }

  Listener& listener_;
  Fd epoll_;
  Buffer memory_;              ///< received bytes, sent back at once: one for all
  std::vector<Place> places_;  ///< by descriptor
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
    Streams<RawClient>(listener).respond();
}

void respond_http(Listener& listener) {
  Streams<HttpClient>(listener).respond();
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
