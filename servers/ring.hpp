// Ring: io_uring as the completion models share it, and how clients arrive through it.
#pragma once

#include <fmt/format.h>
#include <liburing.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <new>
#include <span>
#include <system_error>
#include <utility>

#include "common/buffer.hpp"
#include "common/error.hpp"
#include "common/listener.hpp"
#include "common/session.hpp"

namespace echolab {

/// Two queues shared with the kernel: operations go in, completions come out. Bounded:
/// a full queue of operations is submitted; completions beyond theirs are kept by the
/// kernel until there is room (IORING_FEAT_NODROP). For the one thread that makes it.
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
    io_uring_register_ring_fd(&ring_);  // spares a look-up per call, where it is known
  }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring() { io_uring_queue_exit(&ring_); }

  [[nodiscard]] io_uring* get() { return &ring_; }

  /// Throws Failure (unavailable) where an operation completes only once (Linux < 6.1).
  void need_multishot() const {
    if (!has_multishot_)
      throw Failure(ExitCode::unavailable,
                    "this needs io_uring with multishot receive: Linux 6.1 or later");
  }

  /// Puts in an operation that `prepare(io_uring_sqe*)` fills in; its completion will
  /// carry `whose`. It goes to the kernel with the next wait(), or when the queue is
  /// full.
  template <class Prepare>
  void ask(std::uint64_t whose, Prepare&& prepare) {
    io_uring_sqe* operation = io_uring_get_sqe(&ring_);
    while (operation == nullptr) {
      settle("io_uring_enter(submit)", io_uring_submit(&ring_));
      operation = io_uring_get_sqe(&ring_);
    }
    prepare(operation);
    operation->user_data = whose;
  }

  /// Submits, and waits for a completion; for at most `patience_ms`, unless that is < 0.
  void wait(int patience_ms) {
    __kernel_timespec patience{.tv_sec = patience_ms / 1000,
                               .tv_nsec = patience_ms % 1000 * 1'000'000};
    io_uring_cqe* first = nullptr;
    settle("io_uring_enter",
           io_uring_submit_and_wait_timeout(
               &ring_, &first, 1, patience_ms < 0 ? nullptr : &patience, nullptr));
  }

  /// Calls `each(const io_uring_cqe&)` for every completion that is there.
  template <class Each>
  void for_each_completion(Each&& each) {
    unsigned head = 0;
    unsigned count = 0;
    io_uring_cqe* completion = nullptr;
    io_uring_for_each_cqe(&ring_, head, completion) {
      ++count;
      each(std::as_const(*completion));
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

  io_uring ring_{};
  bool has_multishot_ = false;
};

/// Accepts through a ring, by operations that carry 1, 2 and 3: is_mine() knows them. The
/// listener must be blocking: on one that is not, the kernel does not wait either.
class Arrivals {
 public:
  enum class Accepts { once, again_and_again };

  Arrivals(Ring& ring, Listener& listener, Accepts how)
      : ring_(ring), listener_(listener), how_(how) {
    accept();
    poll(stopped, 0);
  }

  static bool is_mine(const io_uring_cqe& completion) {
    return completion.user_data <= stopped;
  }

  /// False once the listener was stopped.
  [[nodiscard]] bool open() const { return open_; }

  /// Hands the client, if it is about one, to `admit(Fd)`.
  template <class Admit>
  void completed(const io_uring_cqe& completion, Admit&& admit) {
    switch (completion.user_data) {
      case accepted:
        if (Fd client = accept_ended(completion)) admit(std::move(client));
        break;
      case crowded:
        listener_.give_up_reserve();
        on_reserve_ = true;
        accept();
        break;
      case stopped:  // does not wait any more: those in the queue, then the end
        open_ = false;
        while (Fd client = listener_.accept()) admit(std::move(client));
        break;
    }
  }

 private:
  enum Whose : std::uint64_t { accepted = 1, crowded = 2, stopped = 3 };

  void accept() {
    ring_.ask(accepted, [&](io_uring_sqe* operation) {
      if (how_ == Accepts::once || on_reserve_)
        io_uring_prep_accept(operation, listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC);
      else
        io_uring_prep_multishot_accept(operation, listener_.fd(), nullptr, nullptr,
                                       SOCK_CLOEXEC);
    });
  }

  /// A mask of 0 waits for POLLHUP alone: it says the end on every kind of socket, where
  /// a multishot accept on a Unix socket never completes (seen on Linux 6.18).
  void poll(Whose whose, unsigned mask) {
    ring_.ask(whose, [&](io_uring_sqe* operation) {
      io_uring_prep_poll_add(operation, listener_.fd(), mask);
    });
  }

  /// The kernel takes a descriptor before it looks for a client. So without one an accept
  /// fails at once, also when nobody is there: to ask again would spin. We wait for
  /// somebody who needs the reserve, and then accept on it.
  Fd accept_ended(const io_uring_cqe& completion) {
    const int result = completion.res;
    Fd client = std::exchange(on_reserve_, false)
                    ? listener_.take_back_reserve(result, EMFILE)
                    : Fd(result);
    if ((completion.flags & IORING_CQE_F_MORE) != 0 || !open_) return client;
    if (Listener::is_exhaustion(-result))
      poll(crowded, POLLIN);
    else
      accept();
    return client;
  }

  Ring& ring_;
  Listener& listener_;
  const Accepts how_;
  bool open_ = true;
  bool on_reserve_ = false;
};

}  // namespace echolab
