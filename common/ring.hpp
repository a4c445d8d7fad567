// Ring: io_uring as servers and the load generator share it.
#pragma once

#include <fmt/format.h>
#include <liburing.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <memory>
#include <new>
#include <span>
#include <system_error>
#include <utility>

#include "common/buffer.hpp"
#include "common/error.hpp"
#include "common/session.hpp"

namespace echolab {

/// Two queues shared with the kernel: operations go in, completions come out. Bounded:
/// a full queue of operations is submitted; completions beyond theirs are kept by the
/// kernel until there is room (IORING_FEAT_NODROP). For the one thread that makes it.
/// Operations on sockets wait in the kernel without a thread: none says EINTR.
class Ring {
 public:
  /// Throws Failure (unavailable) where there is no io_uring, or it is forbidden.
  Ring() {
    // The kernel may then do its part of the work only when this thread asks for
    // completions, and without a lock. Older kernels interrupt the thread instead.
    int result = set_up(IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER |
                        IORING_SETUP_DEFER_TASKRUN);
    has_multishot_ = result == 0;  // both came with Linux 6.1 at the latest
    if (result == -EINVAL) result = set_up(0);
    if (result == -ENOSYS || result == -EPERM || result == -EINVAL)
      throw Failure(
          ExitCode::unavailable,
          fmt::format("io_uring is not available here: {}{}", std::strerror(-result),
                      result == -EPERM ? " (kernel.io_uring_disabled, or a "
                                         "container's filter)"
                                       : ""));
    must("io_uring_setup", result);
    static_cast<void>(unmapped.load(std::memory_order_acquire));
    io_uring_register_ring_fd(&ring_);  // spares a look-up per call, where it is known
  }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring() {
    unmapped.fetch_add(1, std::memory_order_release);
    io_uring_queue_exit(&ring_);
  }

  static constexpr std::uint64_t nobody = 0;

  [[nodiscard]] io_uring* get() { return &ring_; }

  /// An operation can complete more than once, into provided buffers (Linux 6.1).
  [[nodiscard]] bool has_multishot() const { return has_multishot_; }

  /// Puts in an operation that `prepare(io_uring_sqe*)` fills in; its completion will
  /// carry `whose`. It goes to the kernel with the next wait(), or when the queue is
  /// full.
  template <class Prepare>
  void ask(std::uint64_t whose, Prepare&& prepare) {
    io_uring_sqe* operation = io_uring_get_sqe(&ring_);
    while (operation == nullptr) {
      submit();
      operation = io_uring_get_sqe(&ring_);
    }
    prepare(operation);
    operation->user_data = whose;
  }

  void receive(std::uint64_t whose, int fd, Room room) {
    ask(whose, [&](io_uring_sqe* operation) {
      io_uring_prep_recv(operation, fd, room.data(), room.size(), 0);
    });
  }

  void send(std::uint64_t whose, int fd, Bytes bytes) {
    ask(whose, [&](io_uring_sqe* operation) {
      io_uring_prep_send(operation, fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    });
  }

  /// Completes when one of `events` (poll(2)) is there.
  void poll(std::uint64_t whose, int fd, unsigned events) {
    ask(whose,
        [&](io_uring_sqe* operation) { io_uring_prep_poll_add(operation, fd, events); });
  }

  /// The operation that carries `whose` then completes with ECANCELED, or as it would
  /// have: it must be waited for in any case.
  void cancel(std::uint64_t whose) {
    ask(nobody,
        [&](io_uring_sqe* operation) { io_uring_prep_cancel64(operation, whose, 0); });
  }

  /// What was put in goes to the kernel now.
  void submit() { settle("io_uring_enter(submit)", io_uring_submit(&ring_)); }

  /// Submits, and waits for a completion; for at most `patience_ms`, unless that is < 0.
  void wait(int patience_ms) {
    wait_ns(patience_ms < 0 ? -1 : patience_ms * std::int64_t{1'000'000});
  }
  void wait_ns(std::int64_t patience_ns) {
    __kernel_timespec patience{.tv_sec = patience_ns / 1'000'000'000,
                               .tv_nsec = patience_ns % 1'000'000'000};
    io_uring_cqe* first = nullptr;
    settle("io_uring_enter",
           io_uring_submit_and_wait_timeout(
               &ring_, &first, 1, patience_ns < 0 ? nullptr : &patience, nullptr));
  }

  /// Calls `each(const io_uring_cqe&)` for every completion that is there and not
  /// nobody's.
  template <class Each>
  void for_each_completion(Each&& each) {
    unsigned head = 0;
    unsigned count = 0;
    io_uring_cqe* completion = nullptr;
    io_uring_for_each_cqe(&ring_, head, completion) {
      ++count;
      if (completion->user_data != nobody) each(std::as_const(*completion));
    }
    io_uring_cq_advance(&ring_, count);
  }

 private:
  static constexpr unsigned operations = 256;  // small, so that it stays in the cache
  static constexpr unsigned completions = 4096;

  int set_up(unsigned flags) {
    io_uring_params how{};
    how.flags = flags | IORING_SETUP_CQSIZE;
    how.cq_entries = completions;
    return io_uring_queue_init_params(operations, &ring_, &how);
  }

  static void must(const char* what, int result) {
    if (result < 0) throw std::system_error(-result, std::generic_category(), what);
  }

  /// Nothing is lost with these errors: what was not submitted stays in the queue. Of
  /// kernel memory there may be more in a moment.
  static void settle(const char* what, int result) {
    if (result >= 0 || result == -EINTR || result == -ETIME) return;
    if (result != -EAGAIN && result != -EBUSY && result != -ENOMEM) must(what, result);
    const timespec rest{.tv_sec = 0, .tv_nsec = 1'000'000};
    ::nanosleep(&rest, nullptr);
  }

  // A new ring may lie where another thread's was: the kernel orders that, but TSan does
  // not see liburing's system calls.
  static inline std::atomic<unsigned> unmapped{0};

  io_uring ring_{};
  bool has_multishot_ = false;
};

/// Memory for receives whose place the kernel picks when the bytes are there: a silent
/// client has none. It must outlive the last of the receives.
class ProvidedBuffers {
 public:
  /// `count` buffers, a power of two. Throws Failure (unavailable) where the kernel does
  /// not know them, std::system_error, or std::bad_alloc.
  ProvidedBuffers(Ring& ring, std::size_t count, std::size_t bytes_each)
      : ring_(ring),
        count_(count),
        each_(bytes_each),
        memory_(count * bytes_each),
        queue_(static_cast<io_uring_buf_ring*>(
            ::operator new(count * sizeof(io_uring_buf), page))) {
    if (!ring.has_multishot())
      throw Failure(ExitCode::unavailable, "multishot receive needs Linux 6.1 or later");
    io_uring_buf_reg where{};
    where.ring_addr = reinterpret_cast<std::uint64_t>(queue_.get());
    where.ring_entries = static_cast<std::uint32_t>(count);
    where.bgid = group;
    io_uring_buf_ring_init(queue_.get());
    const int result = io_uring_register_buf_ring(ring.get(), &where, 0);
    if (result < 0)
      throw std::system_error(-result, std::generic_category(), "io_uring_register");
    for (std::size_t number = 0; number < count; ++number) give_back(number);
    publish();
  }

  /// Receives from `fd` again and again: until it has ended or failed, is cancelled, or
  /// finds no buffer (ENOBUFS). The last completion has no IORING_CQE_F_MORE.
  void receive(std::uint64_t whose, int fd) {
    ring_.ask(whose, [&](io_uring_sqe* operation) {
      io_uring_prep_recv_multishot(operation, fd, nullptr, 0, 0);
      operation->flags |= IOSQE_BUFFER_SELECT;
      operation->buf_group = group;
    });
  }

  /// What a completion with IORING_CQE_F_BUFFER brought; good until it is recycled.
  [[nodiscard]] Room of(const io_uring_cqe& completion) const {
    return room(number_of(completion)).first(static_cast<std::size_t>(completion.res));
  }

  /// The kernel may use the buffer again after the next publish().
  void recycle(const io_uring_cqe& completion) { give_back(number_of(completion)); }

  void publish() { io_uring_buf_ring_advance(queue_.get(), std::exchange(back_, 0)); }

 private:
  static constexpr std::uint16_t group = 0;
  static constexpr std::align_val_t page{4096};
  struct Delete {
    void operator()(io_uring_buf_ring* queue) const { ::operator delete(queue, page); }
  };

  static std::size_t number_of(const io_uring_cqe& completion) {
    return completion.flags >> IORING_CQE_BUFFER_SHIFT;
  }
  [[nodiscard]] Room room(std::size_t number) const {
    return memory_.room().subspan(number * each_, each_);
  }
  void give_back(std::size_t number) {
    io_uring_buf_ring_add(queue_.get(), room(number).data(), static_cast<unsigned>(each_),
                          static_cast<unsigned short>(number),
                          io_uring_buf_ring_mask(static_cast<unsigned>(count_)), back_++);
  }

  Ring& ring_;
  std::size_t count_;
  std::size_t each_;
  Buffer memory_;
  std::unique_ptr<io_uring_buf_ring, Delete> queue_;
  int back_ = 0;
};

}  // namespace echolab
