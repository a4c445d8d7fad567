// Fibers: stacks that take turns on a thread, and wait for news of descriptors.
#pragma once

#include <algorithm>
#include <boost/fiber/algo/algorithm.hpp>
#include <boost/fiber/fiber.hpp>
#include <boost/fiber/protected_fixedsize_stack.hpp>
#include <boost/fiber/scheduler.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "common/units.hpp"
#include "servers/epoll.hpp"
#include "servers/stack_switches.hpp"

namespace echolab {

constexpr std::size_t fiber_stack_bytes = 64 * 1024;

/// A fiber that waits, for news of a descriptor if epoll knows it.
struct WaitingFiber {
  boost::fibers::context* fiber = boost::fibers::context::active();
  std::uint32_t wanted = 0;
  std::uint32_t news = 0;  ///< what epoll said, and whether it ever said end_of_peer

  /// False when nothing came for `patience` (0: no bound).
  bool wait(std::uint32_t for_what, Nanoseconds patience = {}) {
    wanted = for_what | Epoll::end_of_peer;
    if (patience.count() == 0) return fiber->suspend(), true;
    fiber->wait_until(std::chrono::steady_clock::now() + patience);
    return wanted == 0;
  }
  void hear(std::uint32_t said) {
    news = said | (news & Epoll::end_of_peer);
    if (said & wanted) wake();
  }
  void wake() {
    wanted = 0;
    fiber->get_scheduler()->schedule(fiber);
  }
};

/// Round robin; when nobody can go on, waits for news for all.
class FiberScheduler : public boost::fibers::algo::algorithm {
 public:
  Epoll epoll;

  void awakened(boost::fibers::context* fiber) noexcept override {
    fiber->ready_link(ready_);
  }
  [[gnu::no_sanitize_thread]] boost::fibers::context* pick_next() noexcept override {
    if (ready_.empty()) return nullptr;
    boost::fibers::context* next = &ready_.front();
    ready_.pop_front();
    switches_.to(next);
    return next;
  }
  bool has_ready_fibers() const noexcept override { return !ready_.empty(); }
  void suspend_until(
      const std::chrono::steady_clock::time_point& deadline) noexcept override {
    using std::chrono::milliseconds;
    const auto left =
        std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now())
            .count();
    const bool bounded = deadline != std::chrono::steady_clock::time_point::max();
    for (const epoll_event& event :
         epoll.wait(bounded ? static_cast<int>(std::clamp<long>(left, 0, 60'000)) : -1))
      static_cast<WaitingFiber*>(event.data.ptr)->hear(event.events);
  }
  [[gnu::no_sanitize_thread]] void notify() noexcept override { switches_.to_main(); }

 private:
  boost::fibers::scheduler::ready_queue_type ready_;
  StackSwitches switches_;
};

/// Runs `work` as a fiber of this thread, at the end of those who can go on. Throws
/// std::bad_alloc where there is no memory for its stack.
template <class Work>
void start_fiber(Work work) {
  const StackSwitches::Launch launch;
  boost::fibers::fiber(boost::fibers::launch::post, std::allocator_arg,
                       boost::fibers::protected_fixedsize_stack(fiber_stack_bytes),
                       std::move(work))
      .detach();
}

}  // namespace echolab
