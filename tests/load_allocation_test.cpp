// While it measures, the load generator allocates nothing and takes no lock.
//
// Whatever allocates or locks in this program does it here, and is counted.

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <thread>
#include <utility>
#include <vector>

#include "clients/load.hpp"
#include "common/error.hpp"
#include "tests/counted_load.hpp"
#include "tests/test_server.hpp"

namespace {

std::atomic<bool> counting{false};
std::atomic<std::uint64_t> allocations{0};
thread_local bool counted = true;  ///< of the threads that run_load starts

// Not inlined: gcc then takes malloc and free for a mismatched pair.
[[gnu::noinline]] void* allocate(std::size_t size) {
  if (counting.load(std::memory_order_relaxed) && counted) ++allocations;
  return std::malloc(size == 0 ? 1 : size);
}

[[gnu::noinline]] void* allocate_or_throw(std::size_t size) {
  void* memory = allocate(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

[[gnu::noinline]] void release(void* memory) {
  std::free(memory);
}

std::atomic<std::uint64_t> locks{0};

#if defined(ECHOLAB_TSAN) || defined(ECHOLAB_ASAN)
constexpr bool counts_locks = false;  // a sanitizer has this function for itself
#else
constexpr bool counts_locks = true;
#endif

}  // namespace

#if !defined(ECHOLAB_TSAN) && !defined(ECHOLAB_ASAN)
extern "C" int pthread_mutex_lock(pthread_mutex_t* mutex) {
  using Lock = int (*)(pthread_mutex_t*);
  static const auto next = reinterpret_cast<Lock>(::dlsym(RTLD_NEXT, __func__));
  if (counting.load(std::memory_order_relaxed) && counted) ++locks;
  return next(mutex);
}
#endif

// All of them, so that a sanitizer's own never frees what one of these has made.
void* operator new(std::size_t size) {
  return allocate_or_throw(size);
}
void* operator new[](std::size_t size) {
  return allocate_or_throw(size);
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return allocate(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return allocate(size);
}
void operator delete(void* memory) noexcept {
  release(memory);
}
void operator delete[](void* memory) noexcept {
  release(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  release(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  release(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept {
  release(memory);
}
void operator delete[](void* memory, const std::nothrow_t&) noexcept {
  release(memory);
}

namespace echolab::tests {
namespace {

using namespace std::chrono_literals;

/// The same, in a thread that is not counted from then on.
template <class Does>
auto uncounted(Does does) {
  return [does = std::move(does)](auto&& with) {
    counted = false;
    does(with);
  };
}

/// Of the load threads, inside the window of `plan`.
void expect_no_allocation_and_no_lock(const LoadPlan& plan, const char* what) {
  SCOPED_TRACE(what);
  LoadEvents events;
  events.window_begins = [] {
    allocations = locks = 0;
    counting = true;
  };
  events.window_ended = [] { counting = false; };
  const LoadResult result = run_load(plan, events);
  EXPECT_EQ(result.errors.total(), 0U) << result.first_failure;
  EXPECT_GT(result.requests, 0U);
  EXPECT_EQ(allocations, 0U);
  EXPECT_EQ(locks, 0U);
}

TEST(RunLoad, AllocatesNothingAndTakesNoLockWhileItMeasures) try {
  const TestServer server(uncounted(each(uncounted(echo))));
  counted = false;
  for (const EngineKind engine : {EngineKind::epoll, EngineKind::io_uring}) {
    LoadPlan plan = plan_for(server.endpoint(), 0);
    plan.duration = 200ms;
    plan.engine = engine;
    plan.threads = 2;
    plan.interval = 20ms;
    plan.pipeline = 3;
    expect_no_allocation_and_no_lock(plan, "closed");
    plan.pipeline = 1;
    plan.workload.think = TimeLaw::parse("--think", "exp:1ms");
    expect_no_allocation_and_no_lock(plan, "thinking");
    plan.workload.think = TimeLaw();
    plan.workload.arrivals.emplace().rate = 3'000;
    expect_no_allocation_and_no_lock(plan, "open");
    plan.workload.on_busy = OnBusy::any;
    expect_no_allocation_and_no_lock(plan, "on any");
    plan.workload.on_busy = OnBusy::queue;
    plan.workload.session_requests = 3;
    expect_no_allocation_and_no_lock(plan, "partly open");
  }
} catch (const Failure& failure) {
  if (failure.code != ExitCode::unavailable) throw;
  GTEST_SKIP() << failure.what();
}

TEST(RunLoad, TheCountOfAllocationsAndLocksWorks) {
  counted = false;
  allocations = locks = 0;
  counting = true;
  std::mutex mutex;
  std::jthread([&] {
    const std::lock_guard lock(mutex);
    std::vector<int>(100).swap(*std::make_unique<std::vector<int>>());
  }).join();
  counting = false;
  EXPECT_GE(allocations, 1U);
  EXPECT_EQ(locks, counts_locks ? 1U : 0U);
}

}  // namespace
}  // namespace echolab::tests
