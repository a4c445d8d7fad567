// StackSwitches: what ThreadSanitizer has to be told of stacks that Boost.Fiber switches.
#pragma once

#include <boost/fiber/context.hpp>
#include <boost/fiber/properties.hpp>
#include <boost/fiber/type.hpp>
#include <utility>

#ifdef ECHOLAB_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace echolab {

#ifndef ECHOLAB_TSAN

/// Without TSan nobody needs to know.
class StackSwitches {
 public:
  struct Launch {
    Launch() {}
    ~Launch() {}
  };
  void to(boost::fibers::context*) {}
  void to_main() {}
};

#else

/// TSan follows the calls of each stack. libboost_fiber switches stacks without telling
/// it, but asks the scheduling algorithm who is next just before it does: a function that
/// says so here returns on another stack's account, so none between here and the library
/// may be instrumented. One per thread, made on its main stack.
class StackSwitches {
 public:
  StackSwitches() : main_(__tsan_get_current_fiber()) {}

  /// While a fiber is made, for it has run for a moment on its stack by then.
  class Launch {
   public:
    [[gnu::no_sanitize_thread]] Launch() { __tsan_switch_to_fiber(moment_, 0); }
    Launch(const Launch&) = delete;
    Launch& operator=(const Launch&) = delete;
    [[gnu::no_sanitize_thread]] ~Launch() {
      __tsan_switch_to_fiber(before_, 0);
      __tsan_destroy_fiber(moment_);
    }

   private:
    void* before_ = __tsan_get_current_fiber();
    void* moment_ = __tsan_create_fiber(0);
  };

  /// From algorithm::pick_next().
  [[gnu::no_sanitize_thread]] void to(boost::fibers::context* next) {
    if (next->is_context(boost::fibers::type::main_context)) return to_main();
    if (next->get_properties() == nullptr) next->set_properties(new Stack(next, *this));
    go(static_cast<Stack*>(next->get_properties())->stack);
  }

  /// From algorithm::notify(): the scheduler is about to end, on the main stack.
  [[gnu::no_sanitize_thread]] void to_main() { go(main_); }

 private:
  /// Goes with its fiber, whose calls return only after that, to give their stack back.
  struct Stack : boost::fibers::fiber_properties {
    Stack(boost::fibers::context* fiber, StackSwitches& switches)
        : fiber_properties(fiber), is_dispatcher(is_one(fiber)), switches_(switches) {}
    [[gnu::no_sanitize_thread]] ~Stack() override {
      if (is_dispatcher) {
        __tsan_destroy_fiber(stack);
      } else {
        switches_.go(stack);
        switches_.left_ = stack;
      }
    }
    static bool is_one(boost::fibers::context* fiber) {
      return fiber->is_context(boost::fibers::type::dispatcher_context);
    }

    void* const stack = __tsan_create_fiber(0);
    const bool is_dispatcher;
    StackSwitches& switches_;
  };

  [[gnu::no_sanitize_thread]] void go(void* stack) {
    __tsan_switch_to_fiber(stack, 0);
    if (left_ != nullptr) __tsan_destroy_fiber(std::exchange(left_, nullptr));
  }

  void* const main_;
  void* left_ = nullptr;  ///< of the fiber that ended last
};

#endif

}  // namespace echolab
