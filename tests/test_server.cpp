#include "tests/test_server.hpp"

#include <sys/socket.h>

#include <chrono>
#include <span>
#include <utility>
#include <vector>

#include "common/buffer.hpp"
#include "common/drive.hpp"
#include "common/echo.hpp"

namespace echolab::tests {

TestServer::TestServer(Serve serve, const std::string& endpoint,
                       const ListenOptions& options)
    : listener_(Endpoint::parse(endpoint), options),
      thread_([this, serve = std::move(serve)] { serve(listener_); }) {}

TestServer::~TestServer() {
  listener_.stop();
}

RefusingServer::RefusingServer()
    : socket_(checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket")) {
  address_ = resolve(Endpoint::parse(any_port)).front();
  checked(::bind(socket_.get(), address_.get(), address_.size), "bind");
  checked(::getsockname(socket_.get(), address_.get(), &address_.size), "getsockname");
}

Endpoint RefusingServer::endpoint() const {
  return Endpoint::parse(endpoint_text(address_));
}

Serve each(Conversation conversation) {
  return [conversation = std::move(conversation)](Listener& listener) {
    std::vector<std::jthread> threads;
    while (Fd client = listener.accept())
      threads.emplace_back([&conversation, client = std::move(client)]() mutable {
        const Fd mine = std::move(client);
        conversation(mine.get());
      });
  };
}

void never_accept(Listener& /*listener*/) {}

Conversation replying(Reply reply) {
  return [reply = std::move(reply)](int client) {
    for (unsigned n = 0;; ++n) {
      std::string request = take(client, request_bytes);
      if (request.size() < request_bytes) return;
      if (!give(client, reply(std::move(request), n))) return;
    }
  };
}

void echo(int client) {
  const Buffer buffer(64 * 1024);
  converse(client, EchoSession(buffer.room()));
}

void listen_only(int client) {
  while (take(client, 4'096).size() == 4'096) {
  }
}

std::string reply_slowly(std::string request, unsigned /*n*/) {
  using namespace std::chrono_literals;
  std::this_thread::sleep_for(5ms);
  return request;
}

std::string take(int client, std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t taken = 0;
  while (taken < size) {
    const auto rest = std::as_writable_bytes(std::span(bytes)).subspan(taken);
    const ssize_t n = receive(client, rest);
    if (n <= 0) break;
    taken += static_cast<std::size_t>(n);
  }
  bytes.resize(taken);
  return bytes;
}

bool give(int client, const std::string& text) {
  Bytes bytes = std::as_bytes(std::span(text));
  while (!bytes.empty()) {
    const ssize_t n = transmit(client, bytes);
    if (n < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return true;
}

void close_with_reset(int client) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

}  // namespace echolab::tests
