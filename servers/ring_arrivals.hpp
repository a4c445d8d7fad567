// Arrivals: how clients of the completion models arrive through a ring.
#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <utility>

#include "common/listener.hpp"
#include "common/ring.hpp"

namespace echolab {

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
  void poll(Whose whose, unsigned mask) { ring_.poll(whose, listener_.fd(), mask); }

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
