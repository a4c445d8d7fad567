// Fd: the one owner of a descriptor. Nothing else in echolab calls close().
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace echolab {

/// Owns at most one open descriptor. An `int fd` parameter elsewhere only borrows.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Fd() { reset(); }

  [[nodiscard]] int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

  /// Hands the descriptor over to the caller, who closes it.
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

  /// close() is never retried: after EINTR Linux has already freed the number, and a
  /// second close could hit somebody else's new descriptor (close(2), NOTES).
  void reset() noexcept {
    if (fd_ < 0) return;
    const int saved = errno;
    ::close(std::exchange(fd_, -1));
    errno = saved;
  }

 private:
  int fd_ = -1;
};

/// The result of a system call that must not fail: itself, or a thrown
/// std::system_error with errno and `what` (the call, and the thing it was called on).
template <class Result>
Result checked(Result result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

/// Calls on `fd` return EAGAIN where they would wait. Throws std::system_error.
inline void set_non_blocking(int fd) {
  const int flags = checked(::fcntl(fd, F_GETFL), "fcntl(F_GETFL)");
  checked(::fcntl(fd, F_SETFL, flags | O_NONBLOCK), "fcntl(F_SETFL)");
}

}  // namespace echolab
