// Buffer: the memory that a model lends to one session.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <span>

namespace echolab {

/// `size` bytes at the start of a cache line, not initialised: a page that no byte ever
/// reached costs no memory, and a short message touches as few lines as it can. Throws
/// std::bad_alloc; its owner then turns the client away.
class Buffer {
 public:
  explicit Buffer(std::size_t size)
      : bytes_(static_cast<std::byte*>(::operator new(size, line))), size_(size) {}

  [[nodiscard]] std::span<std::byte> room() const { return {bytes_.get(), size_}; }

 private:
  static constexpr std::align_val_t line{64};
  struct Delete {
    void operator()(std::byte* bytes) const { ::operator delete(bytes, line); }
  };

  std::unique_ptr<std::byte, Delete> bytes_;
  std::size_t size_;
};

}  // namespace echolab
