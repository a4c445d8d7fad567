// Threads: workers that come and go inside one process, each of them joined.
#pragma once

#include <boost/thread/thread.hpp>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <list>
#include <mutex>
#include <utility>

#include "servers/job.hpp"

namespace echolab {

/// Threads that end when their work does. A detached thread ends when nobody knows; these
/// are joined by the one who starts the next (Boost.Thread orders what they did before).
/// start() and wait_for_all() are for one thread alone.
class Threads {
 public:
  Threads() = default;
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;
  ~Threads() { wait_for_all(); }

  /// Runs `work` in a new thread, and destroys it there: a client is closed by the thread
  /// that served it. Throws boost::thread_resource_error or std::bad_alloc.
  template <class Work>
  void start(const boost::thread::attributes& attributes, Work work) {
    join_ended();
    const std::lock_guard lock(mutex_);  // not to end before it is in the list
    const auto self = running_.emplace(running_.end());
    try {
      *self = boost::thread(attributes, [this, self, work = std::move(work)]() mutable {
        {
          Work mine = std::move(work);
          mine();
        }
        const std::lock_guard at_the_end(mutex_);
        ended_.splice(ended_.end(), running_, self);
        if (running_.empty()) all_ended_.notify_one();
      });
    } catch (...) {
      running_.erase(self);
      throw;
    }
  }

  template <class Work>
  void start(Work work) {
    start(boost::thread::attributes(), std::move(work));
  }

  void wait_for_all() {
    {
      std::unique_lock lock(mutex_);
      all_ended_.wait(lock, [this] { return running_.empty(); });
    }
    join_ended();
  }

 private:
  void join_ended() {
    std::list<boost::thread> ended;
    {
      const std::lock_guard lock(mutex_);
      ended.swap(ended_);
    }
    for (boost::thread& thread : ended) thread.join();
  }

  std::mutex mutex_;
  std::condition_variable all_ended_;
  std::list<boost::thread> running_;
  std::list<boost::thread> ended_;
};

/// Runs `work(i)` in `count` threads, and `meanwhile()` in this one, until all have
/// returned. When a thread cannot be made, or one throws, the listener is stopped, and
/// the error thrown on once the others have drained.
template <class Work, class Meanwhile>
void run_threads(const Job& job, std::size_t count, Work&& work, Meanwhile&& meanwhile) {
  std::mutex mutex;
  std::exception_ptr failure;
  const auto failed = [&] {
    const std::lock_guard lock(mutex);
    if (!failure) failure = std::current_exception();
    job.listener.stop();
  };
  const auto run = [&](auto&& part) {
    try {
      part();
    } catch (...) {
      failed();
    }
  };
  {
    Threads threads;
    run([&] {
      for (std::size_t i = 0; i < count; ++i)
        threads.start([&, i] { run([&] { work(i); }); });
    });
    run(meanwhile);
  }
  if (failure) std::rethrow_exception(failure);
}

template <class Work>
void run_threads(const Job& job, std::size_t count, Work&& work) {
  run_threads(job, count, work, [] {});
}

}  // namespace echolab
