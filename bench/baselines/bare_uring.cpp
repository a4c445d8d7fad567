// bare_uring: the io_uring echo loop as one would write it for speed alone.
//
// One accept and one receive per client that keep on answering, a pool of buffers that
// the kernel picks from, and replies sent straight out of them: no copy, no limits, no
// timeouts, no drain. A buffer goes back when its reply has left. Replies to one client
// leave one after the other: two sends at once could overtake each other. Who finds the
// pool empty receives again when there is a buffer. After
// io_uring_prep_recv_multishot(3).

#include <liburing.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <new>
#include <system_error>
#include <utility>
#include <vector>

#include "bench/baselines/baseline.hpp"

namespace {

using echolab::Fd;

constexpr int buffers = 512;
constexpr std::size_t buffer_bytes = 4096;
constexpr std::size_t most_descriptors = 1 << 16;
constexpr std::uint64_t accepting = ~std::uint64_t{1};  // else descriptor * 2 + direction
constexpr int none = -1;

struct Reply {
  std::array<char, buffer_bytes> bytes;
};
struct Owed {
  std::size_t first;
  std::size_t last;
  int next;
};
struct Client {
  int owed = none;  // the buffer that is being sent, and by Owed::next those after it
  int last = none;
  bool receiving = false;
  bool ended = false;
};

io_uring ring;
io_uring_buf_ring* pool = nullptr;
alignas(64) std::array<Reply, buffers> memory;
std::array<Owed, buffers> owed;
std::array<Client, most_descriptors> clients;
std::vector<int> starved;
int back = 0;

void check(int result, const char* what) {
  if (result < 0) throw std::system_error(-result, std::generic_category(), what);
}

Client& client_of(int fd) {
  return clients[static_cast<std::size_t>(fd)];
}

Owed& owed_in(int buffer) {
  return owed[static_cast<std::size_t>(buffer)];
}

void give_back(int buffer) {
  io_uring_buf_ring_add(pool, memory[static_cast<std::size_t>(buffer)].bytes.data(),
                        buffer_bytes, static_cast<unsigned short>(buffer),
                        io_uring_buf_ring_mask(buffers), back++);
}

io_uring_sqe* operation(std::uint64_t whose) {
  io_uring_sqe* free = io_uring_get_sqe(&ring);
  while (free == nullptr) {
    io_uring_submit(&ring);
    free = io_uring_get_sqe(&ring);
  }
  free->user_data = whose;
  return free;
}

void accept(int listener) {
  io_uring_sqe* entry = operation(accepting);
  io_uring_prep_multishot_accept(entry, listener, nullptr, nullptr, SOCK_CLOEXEC);
}

void receive(int fd) {
  io_uring_sqe* entry = operation(static_cast<std::uint64_t>(fd) << 1);
  io_uring_prep_recv_multishot(entry, fd, nullptr, 0, 0);
  entry->flags |= IOSQE_BUFFER_SELECT;
  client_of(fd).receiving = true;
}

void send(int fd) {
  const int buffer = client_of(fd).owed;
  const Owed& what = owed_in(buffer);
  io_uring_sqe* entry = operation(static_cast<std::uint64_t>(fd) << 1 | 1);
  const char* bytes = memory[static_cast<std::size_t>(buffer)].bytes.data();
  io_uring_prep_send(entry, fd, bytes + what.first, what.last - what.first, MSG_NOSIGNAL);
}

void end_if_over(int fd) {
  Client& client = client_of(fd);
  if (!client.ended || client.receiving || client.owed != none) return;
  client = {};
  const Fd owned(fd);
}

void received(int fd, const io_uring_cqe& completion) {
  Client& client = client_of(fd);
  client.receiving = (completion.flags & IORING_CQE_F_MORE) != 0;
  if (completion.res > 0) {
    const int buffer = static_cast<int>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
    owed_in(buffer) = {0, static_cast<std::size_t>(completion.res), none};
    if (client.owed == none) {
      client.owed = client.last = buffer;
      send(fd);
    } else {
      owed_in(std::exchange(client.last, buffer)).next = buffer;
    }
    if (!client.receiving) receive(fd);
  } else if (completion.res == -ENOBUFS) {
    starved.push_back(fd);
  } else {
    client.ended = true;
    end_if_over(fd);
  }
}

void sent(int fd, int result) {
  Client& client = client_of(fd);
  Owed& now = owed_in(client.owed);
  if (result > 0) now.first += static_cast<std::size_t>(result);
  if (result <= 0 || now.first == now.last)
    give_back(std::exchange(client.owed, now.next));
  if (client.owed != none)
    send(fd);
  else
    end_if_over(fd);
}

void set_up() {
  io_uring_params how{};
  how.flags = IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER |
              IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
  how.cq_entries = 4096;
  check(io_uring_queue_init_params(256, &ring, &how), "io_uring_setup");
  io_uring_register_ring_fd(&ring);
  pool = static_cast<io_uring_buf_ring*>(
      ::operator new (buffers * sizeof(io_uring_buf), std::align_val_t{4096}));
  io_uring_buf_ring_init(pool);
  io_uring_buf_reg where{};
  where.ring_addr = reinterpret_cast<std::uint64_t>(pool);
  where.ring_entries = buffers;
  check(io_uring_register_buf_ring(&ring, &where, 0), "io_uring_register");
  for (int buffer = 0; buffer < buffers; ++buffer) give_back(buffer);
}

void serve(echolab::Listener& listener) {
  set_up();
  accept(listener.fd());
  for (;;) {
    if (back > 0) {
      io_uring_buf_ring_advance(pool, std::exchange(back, 0));
      for (const int fd : std::exchange(starved, {})) receive(fd);
    }
    io_uring_submit_and_wait(&ring, 1);
    unsigned head = 0;
    unsigned count = 0;
    io_uring_cqe* completion = nullptr;
    io_uring_for_each_cqe(&ring, head, completion) {
      ++count;
      const int fd = static_cast<int>(completion->user_data >> 1);
      if (completion->user_data != accepting)
        (completion->user_data & 1) != 0 ? sent(fd, completion->res)
                                         : received(fd, *completion);
      else if (completion->res >= 0)
        receive(completion->res);
      if (completion->user_data == accepting &&
          (completion->flags & IORING_CQE_F_MORE) == 0)
        accept(listener.fd());
    }
    io_uring_cq_advance(&ring, count);
  }
}

}  // namespace

int main(int argc, char** argv) {
  return echolab::baseline::run("bare_uring", argc, argv, serve);
}
