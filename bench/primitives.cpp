// Benchmarks of what server models are made of; here main, system calls, units of work.
//
// Times are per iteration. CPU time is that of the calling thread unless the name says
// process_time. A filter is a regular expression: --benchmark_filter=floor/tcp/64
#include "bench/primitives.hpp"

#include <limits.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <boost/config.hpp>
#include <boost/thread/thread.hpp>
#include <boost/version.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>

#include "common/fd.hpp"

namespace echolab {
namespace {

constexpr std::size_t kib = 1024;
constexpr std::size_t mib = 1024 * kib;

// ---- system calls

/// The way into the kernel and back: getppid(2) does next to nothing there, and
/// syscall(2) keeps any library from answering in its place (TLPI 3.1).
void null_call(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(::syscall(SYS_getppid));
  state.SetItemsProcessed(state.iterations());
}

/// What a time stamp costs: vdso(7) answers without entering the kernel, if the clock
/// source permits it.
void read_clock(benchmark::State& state) {
  timespec now{};
  for (auto _ : state) {
    checked(::clock_gettime(CLOCK_MONOTONIC, &now), "clock_gettime");
    benchmark::DoNotOptimize(now);
  }
  state.SetItemsProcessed(state.iterations());
}

// ---- processes

/// Private memory, every page written, so that fork(2) must copy a page table entry for
/// each. In pages of the base size: huge pages would hide what is measured, and whether
/// they are granted differs between machines (madvise(2)).
class TouchedMemory {
 public:
  explicit TouchedMemory(std::size_t bytes)
      : bytes_(bytes),
        start_(::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                      -1, 0)) {
    if (start_ == MAP_FAILED) {
      throw std::system_error(errno, std::generic_category(), "mmap touched memory");
    }
    // Fails where the kernel knows no huge pages, which is just as well.
    static_cast<void>(::madvise(start_, bytes_, MADV_NOHUGEPAGE));
    std::memset(start_, 1, bytes_);
  }
  TouchedMemory(const TouchedMemory&) = delete;
  TouchedMemory& operator=(const TouchedMemory&) = delete;
  ~TouchedMemory() { ::munmap(start_, bytes_); }

 private:
  std::size_t bytes_;
  void* start_;
};

/// Waits for the child `pid`, which must have exited with 0.
void reap(pid_t pid) {
  int status = 0;
  checked(::waitpid(pid, &status, 0), "waitpid");
  if (status != 0) throw std::runtime_error("the child process failed");
}

/// A process per client (UNP 30.5; TLPI 28.3): fork, _exit, waitpid.
pid_t fork_child() {
  const pid_t pid = checked(::fork(), "fork");
  if (pid == 0) ::_exit(0);
  return pid;
}

/// The same with a new program: clone(CLONE_VM | CLONE_VFORK) copies no page tables, so
/// memory should not matter, but there is an execve to pay (posix_spawn(3), TLPI 28.3).
pid_t spawn_child() {
  char path[] = "/bin/true";
  char* const arguments[] = {path, nullptr};
  char* const environment[] = {nullptr};
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, path, nullptr, nullptr, arguments, environment);
  if (error != 0) {
    throw std::system_error(error, std::generic_category(), "posix_spawn /bin/true");
  }
  return pid;
}

/// A child from its start to its end, while the parent has range(0) MiB of memory.
template <pid_t (*Start)()>
void child_process(benchmark::State& state) {
  const TouchedMemory memory(static_cast<std::size_t>(state.range(0)) * mib);
  for (auto _ : state) reap(Start());
  state.SetItemsProcessed(state.iterations());
}

// ---- threads

// A thread from its start to its end (UNP 26.2; TLPI 29). glibc keeps the stacks of
// finished threads for the next ones: this is the warm path, an madvise but no mmap.

void std_thread(benchmark::State& state) {
  for (auto _ : state) std::thread([] {}).join();
  state.SetItemsProcessed(state.iterations());
}

void boost_thread(benchmark::State& state) {
  for (auto _ : state) boost::thread([] {}).join();
  state.SetItemsProcessed(state.iterations());
}

/// range(0) KiB in bytes, or more where a thread needs more, and says so in the label.
std::size_t stack_bytes(benchmark::State& state) {
  const auto wanted = static_cast<std::size_t>(state.range(0)) * kib;
  const auto least = static_cast<std::size_t>(PTHREAD_STACK_MIN);
  const std::size_t bytes = std::max(wanted, least);
  state.SetLabel(std::to_string(bytes / kib) + " KiB stack");
  return bytes;
}

/// Attributes that ask for a stack of `bytes` (pthread_attr_setstacksize(3)).
class StackAttributes {
 public:
  explicit StackAttributes(std::size_t bytes) {
    require(::pthread_attr_init(&attributes_), "pthread_attr_init");
    require(::pthread_attr_setstacksize(&attributes_, bytes),
            "pthread_attr_setstacksize");
  }
  StackAttributes(const StackAttributes&) = delete;
  StackAttributes& operator=(const StackAttributes&) = delete;
  ~StackAttributes() { ::pthread_attr_destroy(&attributes_); }

  /// Starts a thread with these attributes that does nothing, and joins it.
  void run_thread() const {
    pthread_t thread{};
    const auto nothing = [](void*) -> void* { return nullptr; };
    require(::pthread_create(&thread, &attributes_, nothing, nullptr), "pthread_create");
    require(::pthread_join(thread, nullptr), "pthread_join");
  }

 private:
  /// pthread functions return the error number instead of setting errno.
  static void require(int error, const char* what) {
    if (error != 0) throw std::system_error(error, std::generic_category(), what);
  }

  pthread_attr_t attributes_{};
};

/// std::thread takes no attributes, so this is what it would do if it did.
void pthread_small_stack(benchmark::State& state) {
  const StackAttributes attributes(stack_bytes(state));
  for (auto _ : state) attributes.run_thread();
  state.SetItemsProcessed(state.iterations());
}

void boost_thread_small_stack(benchmark::State& state) {
  boost::thread::attributes attributes;
  attributes.set_stack_size(stack_bytes(state));
  for (auto _ : state) boost::thread(attributes, [] {}).join();
  state.SetItemsProcessed(state.iterations());
}

// ---- the program

void add_call_primitives() {
  add_primitive("call/getppid", null_call);
  add_primitive("call/clock_gettime", read_clock);
}

/// Real time, since the unit runs elsewhere while the calling thread sleeps: the CPU
/// column is only the caller's share.
void add_unit_primitives() {
  for (auto* process : {add_primitive("unit/fork", child_process<fork_child>),
                        add_primitive("unit/posix_spawn", child_process<spawn_child>)}) {
    process->ArgName("touched_mib")->Arg(1)->Arg(100)->UseRealTime();
  }
  add_primitive("unit/std_thread", std_thread)->UseRealTime();
  add_primitive("unit/boost_thread", boost_thread)->UseRealTime();
  for (auto* thread : {add_primitive("unit/pthread", pthread_small_stack),
                       add_primitive("unit/boost_thread", boost_thread_small_stack)}) {
    thread->ArgName("stack_kib")->Arg(64)->UseRealTime();
  }
}

/// What a reader of the numbers must know of where they were taken.
void add_environment() {
  utsname system{};
  checked(::uname(&system), "uname");
  rlimit descriptors{};
  checked(::getrlimit(RLIMIT_NOFILE, &descriptors), "getrlimit RLIMIT_NOFILE");
  benchmark::AddCustomContext("kernel",
                              std::string(system.release) + " " + system.machine);
  benchmark::AddCustomContext("compiler", BOOST_COMPILER);
  benchmark::AddCustomContext("boost", BOOST_LIB_VERSION);
  benchmark::AddCustomContext("hard_limit_nofile", std::to_string(descriptors.rlim_max));
  benchmark::AddCustomContext("fd_setsize", std::to_string(FD_SETSIZE));
#ifndef __OPTIMIZE__
  benchmark::AddCustomContext("warning", "built without optimisation: do not compare");
#endif
}

}  // namespace

benchmark::internal::Benchmark* add_primitive(const char* name, PrimitiveBody body) {
  return benchmark::RegisterBenchmark(name, [body](benchmark::State& state) {
    try {
      body(state);
    } catch (const std::exception& error) {
      state.SkipWithError(error.what());
    }
  });
}

}  // namespace echolab

/// Exits with 2 for a wrong command line, 1 for a failed set-up, 0 otherwise, even if a
/// benchmark was skipped.
int main(int argc, char** argv) try {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  echolab::add_environment();
  echolab::add_io_primitives();
  echolab::add_call_primitives();
  echolab::add_unit_primitives();
  echolab::add_waiting_primitives();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "primitives: %s\n", error.what());
  return 1;
}
