// libevent_echo: libevent's echo server with bufferevents, as its book has it
// (N. Mathewson, Fast portable non-blocking network programming with Libevent, R8).

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include <memory>

#include "bench/baselines/baseline.hpp"

namespace {

void on_read(bufferevent* client, void*) {
  evbuffer_add_buffer(bufferevent_get_output(client), bufferevent_get_input(client));
}

void on_event(bufferevent* client, short, void*) {
  bufferevent_free(client);
}

void on_accept(evconnlistener* listener, evutil_socket_t fd, sockaddr*, int, void*) {
  bufferevent* client = bufferevent_socket_new(evconnlistener_get_base(listener), fd,
                                               BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(client, on_read, nullptr, on_event, nullptr);
  bufferevent_enable(client, EV_READ | EV_WRITE);
}

void serve(echolab::Listener& listener) {
  listener.non_blocking();
  const std::unique_ptr<event_base, decltype(&event_base_free)> base(event_base_new(),
                                                                     event_base_free);
  const std::unique_ptr<evconnlistener, decltype(&evconnlistener_free)> accepting(
      evconnlistener_new(base.get(), on_accept, nullptr, 0, 0, listener.fd()),
      evconnlistener_free);
  event_base_dispatch(base.get());
}

}  // namespace

int main(int argc, char** argv) {
  return echolab::baseline::run("libevent_echo", argc, argv, serve);
}
