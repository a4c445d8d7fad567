// TestServer: a server in a thread of this process, that does what a test tells it.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <thread>

#include "common/endpoint.hpp"
#include "common/fd.hpp"
#include "common/listener.hpp"

namespace echolab::tests {

inline constexpr std::size_t request_bytes = 64;
inline constexpr const char* any_port = "tcp://127.0.0.1:0";

/// What a server does with its listener, until that is stopped.
using Serve = std::function<void(Listener&)>;
/// What it does with one client; the connection is closed when this returns.
using Conversation = std::function<void(int client)>;
/// What it replies to the n-th request (0 …) of `request_bytes`.
using Reply = std::function<std::string(std::string request, unsigned n)>;

/// To be destroyed after its clients: a conversation lasts until its client ends.
class TestServer {
 public:
  explicit TestServer(Serve serve, const std::string& endpoint = any_port,
                      const ListenOptions& options = {});
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;
  ~TestServer();

  [[nodiscard]] const Endpoint& endpoint() const { return listener_.endpoint(); }

 private:
  Listener listener_;
  std::jthread thread_;
};

/// A port that is taken, where nobody listens.
class RefusingServer {
 public:
  RefusingServer();

  [[nodiscard]] Endpoint endpoint() const;

 private:
  Fd socket_;
  Address address_;
};

/// Every client in a thread of its own.
Serve each(Conversation conversation);
void never_accept(Listener& listener);

Conversation replying(Reply reply);
/// Every byte that comes.
void echo(int client);
/// Reads whatever comes, and says nothing.
void listen_only(int client);

/// So slow that no client of it is ever busy.
std::string reply_slowly(std::string request, unsigned n);

/// `size` bytes, or fewer when the client ends before.
std::string take(int client, std::size_t size);
/// False when the client takes no more.
bool give(int client, const std::string& text);
/// The end of this conversation will be one.
void close_with_reset(int client);

}  // namespace echolab::tests
