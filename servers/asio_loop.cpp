// asio_loop: the proactor that people use.
//
// The idea   Operations are started, and a function is called when one is complete: the
//            program never asks who is ready. Underneath is an edge-triggered epoll loop,
//            hidden well enough that it could be io_uring. Each client is an object that
//            belongs to the one operation that it has under way, and goes with it.
// Waits in   io_context::run, which waits in epoll_wait.
// Calls      epoll_wait, recvfrom, sendto, epoll_wait, recvfrom.
// Costs      Five calls per message: before a completion is acted on, epoll is asked
//            again, and a read is tried before it is waited for; four where the next
//            message is there by then. What is allocated per operation is recycled.
// Traps      What an operation uses must live until it completes: it owns its client. A
//            timer that is cancelled may already have fired, so it only knows its client
//            weakly. async_write would hide from the clock that a slow reader reads.
// Source     Boost.Asio, "The Proactor Design Pattern"; POSA2.
// Next       libevent_loop: buffers between the loop and the conversation.

#include <fcntl.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <utility>

#include "common/buffer.hpp"
#include "servers/job.hpp"

namespace echolab {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Stream = asio::generic::stream_protocol;
using Clock = std::chrono::steady_clock;

template <Protocol P>
class Conversation : public std::enable_shared_from_this<Conversation<P>> {
 public:
  using Owner = std::shared_ptr<Conversation>;

  Conversation(asio::io_context& loop, const Job& job, const P& protocol,
               Seats::Seat seat)
      : job_(job),
        seat_(std::move(seat)),
        memory_(job.buffer_bytes),
        session_(protocol.serve(memory_.room())),
        socket_(loop),
        silence_(loop) {}

  static void start(Owner self, Fd fd) {
    if (error_code error; self->socket_.assign(Stream(0, 0), fd.get(), error), error)
      return self->job_.listener.turned_away("no epoll watch left");
    [[maybe_unused]] const int number = fd.release();  // the socket has it now
    self->last_heard_ = Clock::now();
    if (self->limited()) self->bound_silence();
    go_on(std::move(self));
  }

 private:
  static void go_on(Owner self) {
    Conversation& client = *self;
    if (client.limited()) client.last_heard_ = Clock::now();
    if (const Bytes owed = client.session_.output(); !owed.empty())
      client.socket_.async_write_some(
          asio::buffer(owed.data(), owed.size()),
          [self = std::move(self)](error_code error, std::size_t n) mutable {
            if (error) return;
            self->session_.sent(n);
            go_on(std::move(self));
          });
    else if (const Room room = client.session_.input(); !client.session_.done())
      client.socket_.async_read_some(
          asio::buffer(room.data(), room.size()),
          [self = std::move(self)](error_code error, std::size_t n) mutable {
            if (error) return;
            self->session_.received(n);
            go_on(std::move(self));
          });
  }

  [[nodiscard]] bool limited() const { return job_.idle_timeout.count() > 0; }

  /// Not moved with each message: when the time is over, it looks how much is left.
  void bound_silence() {
    silence_.expires_at(last_heard_ + job_.idle_timeout);
    silence_.async_wait([client = this->weak_from_this()](error_code) {
      const Owner self = client.lock();
      if (!self) return;
      if (Clock::now() < self->last_heard_ + self->job_.idle_timeout)
        return self->bound_silence();
      error_code ignored;
      self->socket_.close(ignored);  // which ends the operation, and that the client
    });
  }

  const Job& job_;
  Seats::Seat seat_;
  Buffer memory_;
  SessionOf<P> session_;
  Clock::time_point last_heard_;
  Stream::socket socket_;
  asio::steady_timer silence_;
};

template <Protocol P>
void serve(const Job& job, const P& protocol) {
  Listener& listener = job.listener;
  asio::io_context loop(1);  // the number of threads
  asio::posix::stream_descriptor arrivals(
      loop, checked(::fcntl(listener.fd(), F_DUPFD_CLOEXEC, 3), "fcntl(F_DUPFD)"));
  bool waiting = false;
  bool stopped = false;

  const auto admit = [&](Fd fd) {
    using Client = Conversation<P>;
    if (auto seat = job.seat())
      Client::start(std::make_shared<Client>(loop, job, protocol, std::move(*seat)),
                    std::move(fd));
  };
  const auto arm = [&](const auto& again) -> void {
    arrivals.async_wait(arrivals.wait_read, [&](error_code) {
      waiting = false;
      stopped = !listener.accept_waiting(admit);
      if (!stopped) again(again);
    });
    waiting = true;
  };
  // run() lets pass what an operation throws, and can be called again. The client whose
  // operation it was is gone by then.
  for (bool over = false; !over;) try {
      if (!waiting && !stopped) arm(arm);
      loop.run();
      over = true;
    } catch (const std::bad_alloc&) {
      listener.turned_away("no memory left");
    }
}

}  // namespace

void asio_loop(const Job& job) {
  job.listener.non_blocking();
  std::visit([&](const auto& protocol) { serve(job, protocol); }, job.protocol);
}

}  // namespace echolab
