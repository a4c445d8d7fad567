// libuv_loop: the loop reads into memory that the program lends it.
//
// The idea   A stream reads whenever there is something, into a buffer that the program
//            is asked for at that moment; to write is to try at once, and to leave the
//            rest to the loop, which says when it is gone. Meanwhile the program stops
//            the reading. The same code runs on kqueue, event ports and Windows.
// Waits in   uv_run, which waits in epoll_wait.
// Calls      epoll_wait, read, write.
// Costs      Three calls per message, as a loop by hand, and three functions called by
//            pointer; 300 bytes of handle for each client.
// Traps      A handle must outlive its client until its closing is told, in the next turn
//            of the loop. write cannot say MSG_NOSIGNAL: the process ignores SIGPIPE. The
//            clock of the loop stands still during a turn. A slow reader is silent until
//            it has taken what uv_write has.
// Source     docs.libuv.org, "Design overview".
// Next       udp_iterative: no connections at all.

#include <uv.h>

#include <csignal>
#include <memory>
#include <new>
#include <system_error>
#include <utility>

#include "servers/clients.hpp"

namespace echolab {
namespace {

/// Set-up and the end must not fail.
void must(int result, const char* what) {
  if (result < 0) throw std::system_error(-result, std::generic_category(), what);
}

/// What libuv holds on to for a client.
struct Stream {
  uv_any_handle handle;
  uv_write_t rest;
};
struct CloseStream {
  void operator()(Stream* stream) const {
    uv_close(&stream->handle.handle,
             [](uv_handle_t* handle) { delete reinterpret_cast<Stream*>(handle); });
  }
};
using OwnedStream = std::unique_ptr<Stream, CloseStream>;

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
    must(uv_timer_init(&loop_, &silence_.timer), "uv_timer_init");
    uv_unref(&silence_.handle);
    must(uv_poll_init(&loop_, &arrivals_.poll, job.listener.fd()), "uv_poll_init");
    must(uv_poll_start(&arrivals_.poll, UV_READABLE, on_arrival), "uv_poll_start");
  }

  /// Until nobody is left, and libuv holds nothing any more.
  void run() {
    uv_run(&loop_, UV_RUN_DEFAULT);
    uv_close(&silence_.handle, nullptr);
    uv_run(&loop_, UV_RUN_DEFAULT);
    must(uv_loop_close(&loop_), "uv_loop_close");
  }

 private:
  using Client = typename Clients<P, OwnedStream>::Client;

  static Loop& loop_of(const auto* handle) {
    return *static_cast<Loop*>(handle->loop->data);
  }
  static Client& client_of(const auto* handle) {
    return *static_cast<Client*>(handle->data);
  }

  static void on_arrival(uv_poll_t* arrivals, int, int) {
    Loop& self = loop_of(arrivals);
    if (!self.job_.listener.accept_waiting([&](Fd fd) { self.admit(std::move(fd)); }))
      uv_close(&self.arrivals_.handle, nullptr);
  }

  void admit(Fd fd) {
    Client* client = clients_.admit(std::move(fd));
    if (client == nullptr) return;
    if (!open(*client)) {
      job_.listener.turned_away("no memory left");
      return clients_.drop(*client);
    }
    bound_silence();
    go_on(*client);
  }

  bool open(Client& client) {
    auto* stream = new (std::nothrow) Stream;
    if (stream == nullptr) return false;
    uv_any_handle& handle = stream->handle;
    const bool tcp = job_.listener.endpoint().transport == Transport::tcp;
    must(tcp ? uv_tcp_init(&loop_, &handle.tcp) : uv_pipe_init(&loop_, &handle.pipe, 0),
         "uv_tcp_init");
    handle.handle.data = &client;
    client.own.reset(stream);
    if ((tcp ? uv_tcp_open(&handle.tcp, client.fd.get())
             : uv_pipe_open(&handle.pipe, client.fd.get())) != 0)
      return false;
    [[maybe_unused]] const int number = client.fd.release();  // the handle has it now
    return true;
  }

  static void lend(uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
    *buffer = buffer_of(client_of(handle).session.input());
  }

  static void on_read(uv_stream_t* stream, ssize_t n, const uv_buf_t*) {
    Client& client = client_of(stream);
    if (n < 0) return loop_of(stream).clients_.drop(client);
    if (n == 0) return;  // nothing there, after all
    client.session.received(static_cast<std::size_t>(n));
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
    for (Bytes owed = client.session.output(); !owed.empty();
         owed = client.session.output()) {
      const uv_buf_t bytes = buffer_of(owed);
      int n = uv_try_write(stream, &bytes, 1);
      if (n == UV_EAGAIN) {
        uv_read_stop(stream);
        n = uv_write(&client.own->rest, stream, &bytes, 1, on_written);
        if (n == 0) return;
      }
      if (n < 0) return clients_.drop(client);
      client.session.sent(static_cast<std::size_t>(n));
    }
    if (client.session.done()) return clients_.drop(client);
    uv_read_start(stream, lend, on_read);  // or it is reading already
  }

  void bound_silence() {
    const int patience_ms = clients_.patience_ms();
    if (patience_ms < 0 || uv_is_active(&silence_.handle)) return;
    const auto on_end = [](uv_timer_t* timer) {
      loop_of(timer).clients_.drop_silent([](const Client&) {});
      loop_of(timer).bound_silence();
    };
    uv_timer_start(&silence_.timer, on_end, static_cast<std::uint64_t>(patience_ms), 0);
  }

  const Job& job_;
  uv_loop_t loop_{};
  uv_any_handle silence_{};
  uv_any_handle arrivals_{};
  Clients<P, OwnedStream> clients_;
};

}  // namespace

void libuv_loop(const Job& job) {
  std::signal(SIGPIPE, SIG_IGN);
  job.listener.non_blocking();
  std::visit([&](const auto& protocol) { Loop(job, protocol).run(); }, job.protocol);
}

}  // namespace echolab
