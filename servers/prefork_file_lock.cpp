// prefork_file_lock: a fixed set of processes that take turns in accept, by a file lock.
//
// The idea   As prefork, but only who holds the lock of a file may wait in accept.
//            Systems whose accept could not be shared needed that; elsewhere it decides
//            who is woken.
// Waits in   fcntl(F_SETLKW), accept, recv and send (the children), waitpid (the
//            parent).
// Calls      recvfrom, sendto.
// Costs      Two more system calls per connection; per message as prefork.
// Traps      A record lock belongs to the process: it goes when the process dies,
//            however it dies, so a killed child hangs nobody. It goes as well when the
//            process closes any descriptor of that file (fcntl(2)): it has one only. An
//            open file description lock would be one lock for all: fork shares the
//            description.
// Shares     The listener, the lock; and a counter per worker, for --max-clients.
// Source     UNP 30.7; fcntl(2), "Advisory record locking".
// Next       prefork_mutex: the lock is a word of memory, and mostly no system call.

#include <fcntl.h>
#include <sys/mman.h>

#include <mutex>

#include "servers/children.hpp"
#include "servers/one_by_one.hpp"

namespace echolab {
namespace {

/// The record lock of a file without a name.
class FileLock {
 public:
  FileLock() : file_(checked(::memfd_create("accept", MFD_CLOEXEC), "memfd_create")) {}

  void lock() { set(F_WRLCK); }
  void unlock() { set(F_UNLCK); }

 private:
  void set(short type) {
    struct flock whole {};
    whole.l_type = type;
    whole.l_whence = SEEK_SET;
    while (::fcntl(file_.get(), F_SETLKW, &whole) < 0)
      if (errno != EINTR) checked(-1, "fcntl(F_SETLKW)");
  }

  Fd file_;
};

}  // namespace

void prefork_file_lock(const Job& job) {
  FileLock turn;
  keep_workers(job, job.workers, [&](const Job& mine) {
    one_by_one(mine, [&] {
      const std::lock_guard lock(turn);
      return mine.listener.accept();
    });
  });
}

}  // namespace echolab
