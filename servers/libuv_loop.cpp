// libuv_loop: the loop reads into memory that the program lends it.
//
// The idea   A stream reads whenever there is something, into a buffer that the program
//            is asked for at that moment. To write is to try at once and to leave the
//            rest to the loop; until it is gone, the program stops reading.
// Waits in   uv_run, which waits in epoll_wait (epoll_pwait if signals are blocked).
// Calls      epoll_wait, read, write.
// Costs      Three calls per message, as a loop by hand; three calls through pointers.
// Traps      A handle outlives its client until its closing is told, a turn later. write
//            cannot say MSG_NOSIGNAL: the process ignores SIGPIPE. A slow reader is
//            silent until it has what uv_write holds. Out of epoll watches, libuv aborts.
// Source     docs.libuv.org, "Design overview".
// Next       udp_iterative: no connections at all.

#include <uv.h>

#include <csignal>
#include <system_error>

#include "servers/clients.hpp"

namespace echolab {
namespace {

void must(int result, const char* what) {
  if (result < 0) throw std::system_error(-result, std::generic_category(), what);
}

/// What libuv holds on to for a client.
struct Stream {
  uv_any_handle handle;
  uv_write_t rest;
  static void close(Stream* stream) {
    uv_close(&stream->handle.handle,
             [](uv_handle_t* handle) { delete reinterpret_cast<Stream*>(handle); });
  }
};
struct Socket : std::unique_ptr<Stream, decltype(&Stream::close)> {
  Socket() : unique_ptr(new Stream, Stream::close) {}
};

uv_buf_t buffer_of(Bytes bytes) {
  return uv_buf_init(reinterpret_cast<char*>(const_cast<std::byte*>(bytes.data())),
                     static_cast<unsigned>(bytes.size()));
}

template <Protocol P>
class Loop {
 public:
  Loop(const Job& job, const P& protocol) : job_(job), clients_(job, protocol) {
    must(uv_loop_init(&loop_), "uv_loop_init");
    loop_.data = this;
    uv_timer_init(&loop_, &silence_.timer);
    uv_unref(&silence_.handle);
    must(uv_poll_init(&loop_, &arrivals_.poll, job.listener.fd()), "uv_poll_init");
    must(uv_poll_start(&arrivals_.poll, UV_READABLE, on_arrival), "uv_poll_start");
  }

  void run() {
    uv_run(&loop_, UV_RUN_DEFAULT);
    uv_close(&silence_.handle, nullptr);
    uv_run(&loop_, UV_RUN_DEFAULT);
    must(uv_loop_close(&loop_), "uv_loop_close");
  }

 private:
  using Client = typename Clients<P, Socket>::Client;

  static Loop& loop_of(const auto* it) { return *static_cast<Loop*>(it->loop->data); }
  static Client& client_of(const auto* it) { return *static_cast<Client*>(it->data); }

  static void on_arrival(uv_poll_t* arrivals, int, int) {
    Loop& self = loop_of(arrivals);
    if (!self.job_.listener.accept_waiting([&](Fd fd) { self.admit(std::move(fd)); }))
      uv_close(&self.arrivals_.handle, nullptr);
  }

  void admit(Fd fd) {
    Client* client = clients_.admit(std::move(fd));
    if (client == nullptr) return;
    uv_any_handle& handle = client->own->handle;
    const bool tcp = job_.listener.endpoint().transport == Transport::tcp;
    tcp ? uv_tcp_init(&loop_, &handle.tcp) : uv_pipe_init(&loop_, &handle.pipe, 0);
    handle.handle.data = client;
    const int fd_of = client->fd.get();
    if ((tcp ? uv_tcp_open(&handle.tcp, fd_of) : uv_pipe_open(&handle.pipe, fd_of)) != 0)
      return clients_.drop(*client);
    [[maybe_unused]] const int number = client->fd.release();  // the handle has it now
    bound_silence(&silence_.timer);
    go_on(*client);
  }

  static void lend(uv_handle_t* handle, std::size_t, uv_buf_t* room) {
    *room = buffer_of(client_of(handle).session.input());
  }
  static void on_read(uv_stream_t* stream, ssize_t n, const uv_buf_t*) {
    Client& client = client_of(stream);
    if (n < 0) return loop_of(stream).clients_.drop(client);
    if (n > 0) client.session.received(static_cast<std::size_t>(n));
    loop_of(stream).go_on(client);
  }

  static void on_written(uv_write_t* rest, int error) {
    if (error == UV_ECANCELED) return;  // and the client is gone
    Client& client = client_of(rest->handle);
    if (error != 0) return loop_of(rest->handle).clients_.drop(client);
    client.session.sent(client.session.output().size());
    loop_of(rest->handle).go_on(client);
  }

  /// Sends what is owed, and reads when all of it left.
  void go_on(Client& client) {
    clients_.heard(client);
    uv_stream_t* stream = &client.own->handle.stream;
    while (!client.session.output().empty()) {
      const uv_buf_t owed = buffer_of(client.session.output());
      const int n = uv_try_write(stream, &owed, 1);
      if (n == UV_EAGAIN) uv_read_stop(stream);
      if (n == UV_EAGAIN &&
          uv_write(&client.own->rest, stream, &owed, 1, on_written) == 0)
        return;
      if (n < 0) return clients_.drop(client);
      client.session.sent(static_cast<std::size_t>(n));
    }
    uv_read_start(stream, lend, on_read);  // or it is reading already
    if (client.session.done()) clients_.drop(client);
  }

  static void bound_silence(uv_timer_t* timer) {
    Loop& self = loop_of(timer);
    self.clients_.drop_silent([](const Client&) {});
    if (const int patience_ms = self.clients_.patience_ms(); patience_ms >= 0)
      uv_timer_start(timer, bound_silence, static_cast<std::uint64_t>(patience_ms), 0);
  }

  const Job& job_;
  uv_loop_t loop_{};
  uv_any_handle silence_{}, arrivals_{};
  Clients<P, Socket> clients_;
};

}  // namespace

void libuv_loop(const Job& job) {
  std::signal(SIGPIPE, SIG_IGN);
  job.listener.non_blocking();
  std::visit([&](const auto& protocol) { Loop(job, protocol).run(); }, job.protocol);
}

}  // namespace echolab
