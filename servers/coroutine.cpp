// coroutine: a thread's code at an event loop's price.
//
// The idea   Each client has a coroutine that is written as if it had a thread: serve,
//            wait for news, serve. To wait is to return to the loop; what has to be known
//            later is not on a stack but in a frame on the heap, of a size that the
//            compiler knows: 64 bytes here. There is only the one stack of the loop.
// Waits in   epoll_wait, on behalf of whoever is suspended.
// Calls      epoll_wait, recvfrom, sendto.
// Costs      Three calls per message, as epoll_level, but no epoll_ctl for those who do
//            not take their replies; to resume is an indirect call. One allocation per
//            client, none per message.
// Traps      News comes once: a short receive ends the turn, for it emptied the socket
//            (but for urgent bytes), and an end that came with those bytes is missed
//            unless EPOLLRDHUP is remembered. Only the outermost function can wait, and
//            what it takes by reference must live as long as the frame.
// Source     C++20 [dcl.fct.def.coroutine]; epoll(7); Conway 1963.
// Next       fiber: a stack of its own for each, so that any function can wait.

#include <coroutine>
#include <cstdint>
#include <utility>

#include "servers/clients.hpp"
#include "servers/epoll.hpp"

namespace echolab {
namespace {

/// Owns the frame of a suspended coroutine.
class Conversation {
 public:
  struct promise_type {  // NOLINT(readability-identifier-naming): the language's name
    Conversation get_return_object() {
      return Conversation(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    static Conversation get_return_object_on_allocation_failure() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { throw; }
  };

  Conversation() = default;
  Conversation(Conversation&& other) noexcept
      : frame_(std::exchange(other.frame_, nullptr)) {}
  Conversation& operator=(Conversation&& other) noexcept {
    std::swap(frame_, other.frame_);
    return *this;
  }
  ~Conversation() {
    if (frame_) frame_.destroy();
  }

  /// False when there was no memory for the frame.
  explicit operator bool() const { return static_cast<bool>(frame_); }

  /// Goes on until it waits again. False when it is over.
  bool resume() {
    frame_.resume();
    return !frame_.done();
  }

 private:
  explicit Conversation(std::coroutine_handle<promise_type> frame) : frame_(frame) {}

  std::coroutine_handle<promise_type> frame_;
};

/// What the model keeps for each client.
struct Waiting {
  std::uint32_t news = 0;  ///< what epoll said, and whether it ever said `end_of_peer`
  Conversation conversation;
};

/// To wait for news is to return to the loop, which resumes when there is some.
constexpr std::suspend_always news;

template <Protocol P>
Conversation converse(Clients<P, Waiting>& clients,
                      typename Clients<P, Waiting>::Client& client, const Epoll& epoll) {
  do {
    co_await news;
    clients.template serve<Told::once>(client, client.own.news & Epoll::end_of_peer);
    if (client.next == Next::more)
      epoll.repeat(client.fd.get(), Epoll::all_news, &client);
  } while (client.next != Next::closed);
}

/// Whether `client` waits for what epoll has to say. That there is room to send again is
/// said to all who were read from, over unix also to those who have sent it all.
template <class Client>
bool concerns(Client& client, std::uint32_t said) {
  client.own.news = said | (client.own.news & Epoll::end_of_peer);
  return said &
         ((client.next == Next::writable ? EPOLLOUT : EPOLLIN) | Epoll::end_of_peer);
}

template <Protocol P>
void serve(const Job& job, const P& protocol) {
  Epoll epoll;
  Clients<P, Waiting> clients(job, protocol);
  using Client = typename Clients<P, Waiting>::Client;
  Listener& listener = job.listener;
  if (!epoll.add(listener.fd(), EPOLLIN, nullptr)) checked(-1, "epoll_ctl(listener)");

  const auto admit = [&](Fd fd) {
    Client* client = clients.admit(std::move(fd));
    if (client == nullptr) return;
    client->own.conversation = converse(clients, *client, epoll);
    if (client->own.conversation && epoll.add(client->fd.get(), Epoll::all_news, client))
      return;
    listener.turned_away(client->own.conversation ? "no epoll watch left"
                                                  : "no memory left");
    clients.drop(*client);
  };

  for (bool accepting = true; accepting || !clients.empty();) {
    for (const epoll_event& event : epoll.wait(clients.patience_ms())) {
      if (void* who = event.data.ptr) {
        Client& client = *static_cast<Client*>(who);
        if (concerns(client, event.events) && !client.own.conversation.resume())
          clients.drop(client);
      } else if (!(accepting = listener.accept_waiting(admit))) {
        epoll.remove(listener.fd());
      }
    }
    clients.drop_silent([](const Client&) {});
  }
}

}  // namespace

void coroutine(const Job& job) {
  job.listener.non_blocking();
  std::visit([&](const auto& protocol) { serve(job, protocol); }, job.protocol);
}

}  // namespace echolab
