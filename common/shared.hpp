// Shared: objects that a process and its forked children see alike.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>

#include "common/fd.hpp"

namespace echolab {

/// `count` objects, made in memory that every later child shares, at the same address
/// (mmap(2), MAP_SHARED | MAP_ANONYMOUS). What they are changed by has to work between
/// processes. Only the process that made them should outlive the others. Throws
/// std::system_error when there is no memory. Zero, and what is not touched costs
/// nothing.
template <class T>
class Shared {
 public:
  explicit Shared(std::size_t count = 1) : bytes_(count * sizeof(T)) {
    void* memory = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) checked(-1, "mmap(MAP_SHARED)");
    all_ = {static_cast<T*>(memory), count};
    if constexpr (!std::is_trivially_default_constructible_v<T>)
      std::uninitialized_value_construct(all_.begin(), all_.end());
  }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  ~Shared() { ::munmap(all_.data(), bytes_); }

  [[nodiscard]] std::span<T> all() const { return all_; }
  T& operator[](std::size_t i) const { return all_[i]; }
  T& operator*() const { return all_[0]; }
  T* operator->() const { return &all_[0]; }

 private:
  std::size_t bytes_;
  std::span<T> all_;
};

}  // namespace echolab
