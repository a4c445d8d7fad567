// prefork_mutex: a fixed set of processes that take turns in accept, by a robust mutex.
//
// The idea   As prefork_file_lock, with a mutex in memory that all children share: who
//            finds it free takes it without a system call.
// Waits in   futex (the mutex), accept, recv and send (the children), waitpid (the
//            parent).
// Calls      recvfrom, sendto.
// Costs      An atomic operation per connection, a system call only when somebody waits;
//            per message as prefork.
// Traps      A child that is killed while it holds an ordinary mutex hangs all others
//            for ever. A robust one tells the next who locks it (EOWNERDEAD), and that
//            one must say that all is well again, or the mutex is lost to everybody.
//            What it guards here, accept, has no state that a death could leave half
//            done.
// Shares     The listener, the mutex; and a counter per worker, for --max-clients.
// Source     UNP 30.8; pthread_mutexattr_setrobust(3).
// Next       prefork_fd_passing: only the parent accepts, and hands the clients out.

#include <pthread.h>

#include <mutex>

#include "common/shared.hpp"
#include "servers/children.hpp"
#include "servers/one_by_one.hpp"

namespace echolab {
namespace {

/// Between processes; free again when its holder was killed.
class RobustMutex {
 public:
  RobustMutex() {
    pthread_mutexattr_t attributes;
    succeed(::pthread_mutexattr_init(&attributes), "pthread_mutexattr_init");
    succeed(::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED),
            "pthread_mutexattr_setpshared");
    succeed(::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST),
            "pthread_mutexattr_setrobust");
    succeed(::pthread_mutex_init(&mutex_, &attributes), "pthread_mutex_init");
    ::pthread_mutexattr_destroy(&attributes);
  }

  void lock() {
    const int result = ::pthread_mutex_lock(&mutex_);
    if (result == EOWNERDEAD)
      succeed(::pthread_mutex_consistent(&mutex_), "pthread_mutex_consistent");
    else
      succeed(result, "pthread_mutex_lock");
  }
  void unlock() { ::pthread_mutex_unlock(&mutex_); }

 private:
  /// POSIX threads return their errors.
  static void succeed(int error, const char* what) {
    if (error != 0) throw std::system_error(error, std::generic_category(), what);
  }

  pthread_mutex_t mutex_{};
};

}  // namespace

void prefork_mutex(const Job& job) {
  const Shared<RobustMutex> turn;
  keep_workers(job, job.workers, [&](const Job& mine) {
    one_by_one(mine, [&] {
      const std::lock_guard lock(*turn);
      return mine.listener.accept();
    });
  });
}

}  // namespace echolab
