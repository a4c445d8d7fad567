// asio_echo: Boost.Asio's asynchronous TCP echo server, as its own tutorial has it
// (libs/asio/example/cpp11/echo/async_tcp_echo_server.cpp), on one thread.

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <utility>

#include "bench/baselines/baseline.hpp"

namespace {

using boost::asio::ip::tcp;

class Session : public std::enable_shared_from_this<Session> {
 public:
  explicit Session(tcp::socket socket) : socket_(std::move(socket)) {}
  void start() { read(); }

 private:
  void read() {
    socket_.async_read_some(boost::asio::buffer(data_),
                            [self = shared_from_this()](auto error, std::size_t size) {
                              if (!error) self->write(size);
                            });
  }
  void write(std::size_t size) {
    boost::asio::async_write(socket_, boost::asio::buffer(data_, size),
                             [self = shared_from_this()](auto error, std::size_t) {
                               if (!error) self->read();
                             });
  }

  tcp::socket socket_;
  std::array<char, echolab::baseline::buffer_bytes> data_;
};

void accept(tcp::acceptor& acceptor) {
  acceptor.async_accept([&acceptor](auto error, tcp::socket socket) {
    if (!error) std::make_shared<Session>(std::move(socket))->start();
    accept(acceptor);
  });
}

void serve(echolab::Listener& listener) {
  listener.non_blocking();
  boost::asio::io_context context(1);
  tcp::acceptor acceptor(context, tcp::v4(), ::dup(listener.fd()));
  accept(acceptor);
  context.run();
}

}  // namespace

int main(int argc, char** argv) {
  return echolab::baseline::run("asio_echo", argc, argv, serve);
}
