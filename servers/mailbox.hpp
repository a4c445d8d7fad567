// Mailbox: how one thread hands clients over to the loop of another.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <utility>

#include "common/fd.hpp"

namespace echolab {

/// A queue whose descriptor is readable while there is something in it, or it is closed.
/// It holds no more than was put in: whoever puts bounds that (by seats, for clients).
/// Any thread may put; one takes.
template <class Thing>
class Mailbox {
 public:
  Mailbox() : news_(checked(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd")) {}

  [[nodiscard]] int fd() const { return news_.get(); }

  void put(Thing thing) {
    bool was_empty = false;
    {
      const std::lock_guard lock(mutex_);
      was_empty = things_.empty();
      things_.push_back(std::move(thing));
    }
    if (was_empty) wake();  // else it is awake: it has not taken the last ones
  }

  /// Nothing more will come.
  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    wake();
  }

  /// As Listener::accept_waiting(), for a loop whose clients are handed to it.
  template <class Admit>
  bool accept_waiting(Admit&& admit) {
    return take(admit);
  }

  /// Hands all that is there to `each(Thing)`. False once closed, and empty.
  template <class Each>
  bool take(Each&& each) {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto asked = ::read(fd(), &count, sizeof count);
    std::deque<Thing> taken;
    bool closed = false;
    {
      const std::lock_guard lock(mutex_);
      taken.swap(things_);
      closed = closed_;
    }
    for (Thing& thing : taken) each(std::move(thing));
    return !closed;
  }

 private:
  void wake() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto told = ::write(fd(), &one, sizeof one);
  }

  Fd news_;
  std::mutex mutex_;
  std::deque<Thing> things_;
  bool closed_ = false;
};

}  // namespace echolab
