// Buffer: the memory that a model lends to one session.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

namespace echolab {

/// `size` bytes, not initialised: a page that no byte ever reached costs no memory.
/// Throws std::bad_alloc; its owner then turns the client away.
class Buffer {
 public:
  explicit Buffer(std::size_t size)
      : bytes_(std::make_unique_for_overwrite<std::byte[]>(size)), size_(size) {}

  [[nodiscard]] std::span<std::byte> room() const { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t size_;
};

}  // namespace echolab
