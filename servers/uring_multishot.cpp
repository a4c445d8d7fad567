// uring_multishot: one receive per client keeps on answering.
//
// The idea   As uring, but accept and receive are asked for once and complete whenever
//            there is news, until they are cancelled. The kernel picks the buffer, from a
//            pool that all share, when the bytes are there: they are copied into the
//            session and the buffer goes back at once. Only a send is asked for.
// Waits in   io_uring_enter.
// Calls      io_uring_enter, io_uring_enter.
// Costs      Half the operations of uring, and a copy per message; alone, as many calls.
// Traps      What comes while a send is under way must be kept: for a peer that does not
//            read, the receive is cancelled, or its bytes have no end. An empty pool ends
//            a receive (ENOBUFS): ask again. Client and descriptor stay until both
//            directions have said that they are over (no IORING_CQE_F_MORE).
// Source     io_uring(7), io_uring_prep_recv_multishot(3), io_uring_register_buf_ring(3).
// Next       uring_sharded: a ring and a listener per thread.

#include <sys/socket.h>

#include <new>
#include <vector>

#include "servers/clients.hpp"
#include "servers/parts.hpp"
#include "servers/ring_arrivals.hpp"

namespace echolab {
namespace {

// The kernel fills many of them for one client before the loop hears of it: small ones
// bound what a client that does not read can make it keep.
constexpr std::size_t buffers = 256;
constexpr std::size_t buffer_bytes = 1024;

/// What is under way for a client.
struct Flow {
  enum class Peer { talks, has_ended, is_gone } peer = Peer::talks;
  enum class Receive { off, on, cancelled } receive = Receive::off;
  bool sending = false;
  std::vector<std::byte> early;  // came before the session could take it
};

template <Protocol P>
class Loop {
 public:
  Loop(const Job& job, const P& protocol) : job_(job), clients_(job, protocol) {}

  void run() {
    while (arrivals_.open() || !clients_.empty()) {
      ring_.wait(clients_.patience_ms());
      ring_.for_each_completion([&](const io_uring_cqe& it) { completed(it); });
      buffers_.publish();
      clients_.each_silent([](Client& client) { lose(client); });
    }
  }

 private:
  using Client = typename Clients<P, Flow>::Client;
  using Peer = Flow::Peer;
  using Receive = Flow::Receive;
  enum Direction : std::uint64_t { in = 0, out = 1 };  // the lowest bit of user_data

  static std::uint64_t whose(const Client& client, Direction direction) {
    return reinterpret_cast<std::uint64_t>(&client) | direction;
  }

  void completed(const io_uring_cqe& completion) {
    if (Arrivals::is_mine(completion))
      return arrivals_.completed(completion, [&](Fd fd) {
        if (Client* client = clients_.admit(std::move(fd))) go_on(*client);
      });
    auto& client = *reinterpret_cast<Client*>(completion.user_data & ~std::uint64_t{out});
    if ((completion.user_data & out) != 0)
      sent(client, completion.res);
    else
      received(client, completion);
    go_on(client);
  }

  void sent(Client& client, int result) {
    client.own.sending = false;
    if (result <= 0) return lose(client);
    client.session.sent(static_cast<std::size_t>(result));
    clients_.heard(client);
  }

  void received(Client& client, const io_uring_cqe& completion) {
    Flow& flow = client.own;
    const int result = completion.res;
    if ((completion.flags & IORING_CQE_F_MORE) == 0) flow.receive = Receive::off;
    if (result > 0) keep(client, buffers_.of(completion));
    if ((completion.flags & IORING_CQE_F_BUFFER) != 0) buffers_.recycle(completion);
    if (result == 0 && flow.peer == Peer::talks) flow.peer = Peer::has_ended;
    if (result < 0 && result != -ENOBUFS && result != -ECANCELED) lose(client);
  }

  /// While a send is under way something is owed: then feed() takes nothing.
  void keep(Client& client, Bytes bytes) try {
    std::vector<std::byte>& early = client.own.early;
    clients_.heard(client);
    if (early.empty()) bytes = feed(client.session, bytes);
    early.insert(early.end(), bytes.begin(), bytes.end());
  } catch (const std::bad_alloc&) {
    lose(client);
  }

  /// Both directions are over soon, and nothing more is said.
  static void lose(Client& client) {
    client.own.peer = Peer::is_gone;
    ::shutdown(client.fd.get(), SHUT_RDWR);
  }

  /// Asks for what `client` needs next, or drops it when nothing is under way any more.
  void go_on(Client& client) {
    Flow& flow = client.own;
    if (!flow.sending && flow.peer != Peer::is_gone) say_next(client);
    const bool over = flow.peer != Peer::talks;
    const bool has_room = flow.early.size() < job_.buffer_bytes;
    if (over && flow.receive == Receive::off && !flow.sending) {
      clients_.drop(client);
    } else if (!over && has_room && flow.receive == Receive::off) {
      buffers_.receive(whose(client, in), client.fd.get());
      flow.receive = Receive::on;
    } else if (!over && !has_room && flow.receive == Receive::on) {
      ring_.cancel(whose(client, in));
      flow.receive = Receive::cancelled;
    }
  }

  void say_next(Client& client) {
    feed(client.session, client.own.early);
    const Bytes owed = client.session.output();
    if (!owed.empty()) ring_.send(whose(client, out), client.fd.get(), owed);
    client.own.sending = !owed.empty();
    if (owed.empty() && client.session.done()) lose(client);
  }

  const Job& job_;
  Clients<P, Flow> clients_;
  Ring ring_;
  ProvidedBuffers buffers_{ring_, buffers, buffer_bytes};
  Arrivals arrivals_{ring_, job_.listener, Arrivals::Accepts::again_and_again};
};

}  // namespace

void uring_multishot(const Job& job) {
  std::visit([&](const auto& protocol) { Loop(job, protocol).run(); }, job.protocol);
}

}  // namespace echolab
