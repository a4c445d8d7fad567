// libevent_loop: the loop reads and writes by itself, from and to buffers of its own.
//
// The idea   A bufferevent is a socket with a buffer on either side. libevent fills the
//            one as bytes arrive and empties the other as there is room; the program is
//            called when there is something in the first or nothing in the second, and
//            only moves bytes between them. It never sees a socket.
// Waits in   event_base_dispatch, which waits in epoll_wait.
// Calls      epoll_wait, ioctl, readv, epoll_ctl, epoll_wait, writev, epoll_ctl.
// Costs      Seven calls per message: ioctl asks how much there is to read, and a reply
//            leaves only after a wait for room to send, for which the set is changed
//            twice. Two copies, and chains of allocated memory.
// Traps      Nothing bounds the output: who does not take it must not be read from. (The
//            high-water mark alone spins: 2.1 calls again while the input is full.) The
//            end of the peer may come while it is still owed replies, and a time-out of
//            reading while it takes them. writev cannot say MSG_NOSIGNAL: the process
//            ignores SIGPIPE.
// Source     N. Mathewson, Fast portable non-blocking network programming with Libevent.
// Next       libuv_loop: the program lends the buffers.

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include <chrono>
#include <csignal>
#include <memory>
#include <stdexcept>
#include <utility>

#include "servers/clients.hpp"

namespace echolab {
namespace {

struct Free {
  void operator()(event_base* base) const { event_base_free(base); }
  void operator()(event* watch) const { event_free(watch); }
  void operator()(bufferevent* stream) const { bufferevent_free(stream); }
};
template <class Thing>
using Owned = std::unique_ptr<Thing, Free>;

template <Protocol P>
class Loop {
 public:
  Loop(const Job& job, const P& protocol)
      : job_(job), base_(event_base_new()), clients_(job, protocol) {
    if (base_)
      arrivals_.reset(event_new(base_.get(), job.listener.fd(), EV_READ | EV_PERSIST,
                                on_arrival, this));
    if (!arrivals_ || event_add(arrivals_.get(), nullptr) != 0)
      throw std::runtime_error("libevent has no memory or no epoll");
  }

  /// Until there is nobody left to wait for.
  void run() {
    if (event_base_dispatch(base_.get()) < 0) throw std::runtime_error("libevent");
  }

 private:
  struct Stream {
    Loop* loop = nullptr;
    bool ended = false;  ///< the peer sends no more
    Owned<bufferevent> socket;
  };
  using Client = typename Clients<P, Stream>::Client;

  static void on_arrival(evutil_socket_t, short, void* loop) {
    auto& self = *static_cast<Loop*>(loop);
    if (!self.job_.listener.accept_waiting([&](Fd fd) { self.admit(std::move(fd)); }))
      event_del(self.arrivals_.get());
  }

  void admit(Fd fd) {
    Client* client = clients_.admit(std::move(fd));
    if (client == nullptr) return;
    client->own.loop = this;
    client->own.socket.reset(
        bufferevent_socket_new(base_.get(), client->fd.get(), BEV_OPT_CLOSE_ON_FREE));
    bufferevent* socket = client->own.socket.get();
    if (socket != nullptr) {
      [[maybe_unused]] const int number = client->fd.release();  // the socket has it now
      bufferevent_setcb(socket, on_move, on_move, on_news, client);
      bufferevent_setwatermark(socket, EV_READ, 0, job_.buffer_bytes);
      const auto silence =
          std::chrono::ceil<std::chrono::microseconds>(job_.idle_timeout).count();
      const timeval limit{.tv_sec = silence / 1'000'000, .tv_usec = silence % 1'000'000};
      if (silence > 0) bufferevent_set_timeouts(socket, &limit, &limit);
      if (bufferevent_enable(socket, EV_READ | EV_WRITE) == 0) return;
    }
    job_.listener.turned_away("no memory or epoll watch left");
    clients_.drop(*client);
  }

  static void on_move(bufferevent*, void* client) {
    go_on(*static_cast<Client*>(client));
  }

  static void on_news(bufferevent* socket, short what, void* who) {
    Client& client = *static_cast<Client*>(who);
    const bool owed = evbuffer_get_length(bufferevent_get_output(socket)) > 0;
    client.own.ended = what & BEV_EVENT_EOF;
    if (client.own.ended || (what == (BEV_EVENT_TIMEOUT | BEV_EVENT_READING) && owed))
      go_on(client);  // the time-out of writing is what counts
    else
      client.own.loop->clients_.drop(client);
  }

  static void go_on(Client& client) {
    Loop& loop = *client.own.loop;
    bufferevent* socket = client.own.socket.get();
    evbuffer* arrived = bufferevent_get_input(socket);
    evbuffer* owed = bufferevent_get_output(socket);
    const auto full = [&] { return evbuffer_get_length(owed) >= loop.job_.buffer_bytes; };
    while (!full()) {
      if (const Bytes reply = client.session.output(); !reply.empty()) {
        if (bufferevent_write(socket, reply.data(), reply.size()) != 0)
          return loop.clients_.drop(client);
        client.session.sent(reply.size());
        continue;
      }
      if (client.session.done() || evbuffer_get_length(arrived) == 0) break;
      const Room room = client.session.input();
      const int n = evbuffer_remove(arrived, room.data(), room.size());
      if (n <= 0) return loop.clients_.drop(client);
      client.session.received(static_cast<std::size_t>(n));
    }
    const bool reads = bufferevent_get_enabled(socket) & EV_READ;
    if (reads && full()) bufferevent_disable(socket, EV_READ);
    if (!reads && !full() && !client.own.ended) bufferevent_enable(socket, EV_READ);
    const bool over =
        client.session.done() || (client.own.ended && evbuffer_get_length(arrived) == 0);
    if (over && evbuffer_get_length(owed) == 0) loop.clients_.drop(client);
  }

  const Job& job_;
  Owned<event_base> base_;
  Owned<event> arrivals_;
  Clients<P, Stream> clients_;
};

}  // namespace

void libevent_loop(const Job& job) {
  std::signal(SIGPIPE, SIG_IGN);
  job.listener.non_blocking();
  std::visit([&](const auto& protocol) { Loop(job, protocol).run(); }, job.protocol);
}

}  // namespace echolab
