// Desks: sessions in memory that a loop and its forked children share.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "common/session.hpp"
#include "common/shared.hpp"

namespace echolab {

/// A protocol whose sessions stand on desks: the loop has a handle of each, and a child
/// that is told the address of a desk may work at it, while the loop leaves it alone.
/// Has `count` desks; serve() throws std::bad_alloc when all are taken.
template <Protocol P>
class Desks {
 public:
  static constexpr bool may_block = P::may_block;
  using Inner = SessionOf<P>;

  /// The loop's handle: the five verbs, and the desk back at its end.
  class Session {
   public:
    Session(Desks& desks, Inner* inner) : desks_(desks), inner_(inner) {}
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    ~Session() {
      std::destroy_at(inner_);
      desks_.free_.push_back(inner_);
    }

    [[nodiscard]] Inner* desk() const { return inner_; }
    [[nodiscard]] Room input() { return inner_->input(); }
    void received(std::size_t n) { inner_->received(n); }
    [[nodiscard]] Bytes output() const { return std::as_const(*inner_).output(); }
    void sent(std::size_t n) { inner_->sent(n); }
    [[nodiscard]] bool done() const { return std::as_const(*inner_).done(); }

   private:
    Desks& desks_;
    Inner* inner_;
  };

  Desks(const P& protocol, std::size_t count, std::size_t bytes)
      : protocol_(protocol),
        bytes_(bytes),
        size_(round_up(sizeof(Inner)) + round_up(bytes)),
        memory_(count * size_) {
    free_.reserve(count);
    for (std::size_t i = count; i > 0; --i)
      free_.push_back(reinterpret_cast<Inner*>(&memory_[(i - 1) * size_]));
  }

  /// On the desk that was left last, whose pages are warm. The lent memory is its own.
  [[nodiscard]] Session serve(Room) const {
    if (free_.empty()) throw std::bad_alloc();
    Inner* desk = free_.back();
    auto* bytes = reinterpret_cast<std::byte*>(desk) + round_up(sizeof(Inner));
    new (desk) Inner(protocol_.serve(Room(bytes, bytes_)));
    free_.pop_back();
    return Session(const_cast<Desks&>(*this), desk);
  }

 private:
  static constexpr std::size_t round_up(std::size_t size) {
    return (size + 63) / 64 * 64;
  }

  const P& protocol_;
  const std::size_t bytes_;
  const std::size_t size_;
  Shared<std::byte> memory_;
  mutable std::vector<Inner*> free_;
};

}  // namespace echolab
