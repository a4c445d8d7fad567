// The null responder: a server that costs as little as one can, to see how fast the
// client is by itself.
#pragma once

#include <csignal>
#include <initializer_list>
#include <vector>

#include "common/listener.hpp"

namespace echolab {

/// One thread that sends back what it receives, and does nothing else: no sessions, no
/// timeouts, no drain. Streams: an epoll loop; a client that does not take its replies is
/// not read from, so no more than one receive (64 KiB) is ever held for it. Datagrams:
/// batches of recvmmsg and sendmmsg; a reply that cannot leave at once is lost, and
/// counted on stderr. It serves the work protocol as well, whose replies are the frames
/// themselves: no work is done.
///
/// Returns once the listener is stopped; the clients are then closed. As many clients as
/// there are descriptors; one more is turned away. Throws std::system_error.
void respond(Listener& listener);

/// The same over streams, but what it sends back are HTTP replies: common/http.hpp, with
/// bodies of any length.
void respond_http(Listener& listener);

/// While it lives, each of `signals` stops the listener. One per process; the handlers
/// that were there before come back with its end.
class StopOnSignal {
 public:
  StopOnSignal(const Listener& listener, std::initializer_list<int> signals);
  StopOnSignal(const StopOnSignal&) = delete;
  StopOnSignal& operator=(const StopOnSignal&) = delete;
  ~StopOnSignal();

 private:
  struct Before {
    int signal;
    struct sigaction action;
  };
  std::vector<Before> before_;
};

}  // namespace echolab
