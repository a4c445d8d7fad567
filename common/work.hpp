// The work protocol: the echo in frames, each of which may ask the server to compute and
// to block before it answers. It tells loops, pools and threads apart.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>

#include "common/labour.hpp"
#include "common/session.hpp"

namespace echolab {

/// What a frame begins with. Numbers are big-endian:
///
///     0       4          8             12          16
///     | magic | payload  | compute     | block     | payload …
///     | ELW1  | in bytes | in us of CPU| in us     |
///
/// The reply is the same frame, not a bit changed, once the work is done: first the
/// computing, then the blocking.
struct WorkHeader {
  std::uint32_t payload_bytes = 0;
  std::uint32_t compute_us = 0;
  std::uint32_t block_us = 0;

  static constexpr std::uint32_t magic = 0x454c5731;  // "ELW1"
  static constexpr std::size_t size = 16;

  [[nodiscard]] constexpr std::array<std::byte, size> bytes() const {
    std::array<std::byte, size> bytes{};
    std::size_t at = 0;
    for (const std::uint32_t number : {magic, payload_bytes, compute_us, block_us})
      for (int shift = 24; shift >= 0; shift -= 8)
        bytes[at++] = static_cast<std::byte>(number >> shift & 0xff);
    return bytes;
  }
  /// The number of a header at `offset`.
  [[nodiscard]] static constexpr std::uint32_t number(Bytes header, std::size_t offset) {
    std::uint32_t number = 0;
    for (const std::byte byte : header.subspan(offset, 4))
      number = number << 8 | std::to_integer<std::uint32_t>(byte);
    return number;
  }
  [[nodiscard]] static constexpr WorkHeader of(Bytes frame) {
    return {number(frame, 4), number(frame, 8), number(frame, 12)};
  }

  [[nodiscard]] constexpr std::uint64_t frame_bytes() const {
    return std::uint64_t{size} + payload_bytes;
  }
  [[nodiscard]] constexpr std::uint64_t work_us() const {
    return std::uint64_t{compute_us} + block_us;
  }
};

/// What a server does at most for one frame.
struct WorkLimits {
  std::uint32_t max_frame_bytes = std::numeric_limits<std::uint32_t>::max();
  std::uint32_t max_work_us = 10'000;  ///< computing and blocking together

  /// Why a frame that begins with `bytes` will not be done, told as early as they show
  /// it: nobody waits for a payload that would be refused.
  [[nodiscard]] constexpr std::optional<Refusal> refusal(Bytes bytes) const {
    using enum Refusal::Reason;
    if (bytes.size() < 4) return std::nullopt;
    if (const auto begin = WorkHeader::number(bytes, 0); begin != WorkHeader::magic)
      return Refusal{no_frame, begin, WorkHeader::magic};
    if (bytes.size() < 8) return std::nullopt;
    const WorkHeader length{.payload_bytes = WorkHeader::number(bytes, 4)};
    if (length.frame_bytes() > max_frame_bytes)
      return Refusal{too_long, length.frame_bytes(), max_frame_bytes};
    if (bytes.size() < WorkHeader::size) return std::nullopt;
    if (const auto work_us = WorkHeader::of(bytes).work_us(); work_us > max_work_us)
      return Refusal{too_much_work, work_us, max_work_us};
    return std::nullopt;
  }
};

/// The server's side, in lent memory of WorkHeader::size bytes or more; a frame that does
/// not fit there is too long. The memory is a queue:
///
///     |  gone  |  done, owed to the peer  |  part of a frame  |  free  |
///     0      first_                     whole_              last_    size
///
/// The work is done in received(), by whoever calls it: all frames that are whole then,
/// in order. A peer that pipelines has up to size / 16 × max_work done at once. A frame
/// that breaks the rules ends the conversation; those before it are still answered.
template <class Labourer>
class WorkSession {
 public:
  WorkSession(Room memory, const WorkLimits& limits, Labourer labourer = {})
      : memory_(memory), limits_(limits), labourer_(labourer) {
    if (memory.size() < limits_.max_frame_bytes)
      limits_.max_frame_bytes = static_cast<std::uint32_t>(memory.size());
  }

  [[nodiscard]] Room input() { return refused_ ? Room{} : memory_.subspan(last_); }
  void received(std::size_t n) {
    last_ += static_cast<std::uint32_t>(n);
    while (do_next()) {
    }
  }

  [[nodiscard]] Bytes output() const { return memory_.subspan(first_, whole_ - first_); }
  /// What was begun moves to the front once nothing is owed, so that a frame of any
  /// allowed length has room.
  void sent(std::size_t n) {
    first_ += static_cast<std::uint32_t>(n);
    if (first_ < whole_) return;
    last_ -= whole_;
    std::memmove(memory_.data(), memory_.data() + whole_, last_);
    first_ = whole_ = 0;
  }

  [[nodiscard]] bool done() const { return refused_ && first_ == whole_; }

 private:
  /// False when the next frame is not whole yet, or refused.
  bool do_next() {
    const Bytes news = memory_.subspan(whole_, last_ - whole_);
    if (const auto refusal = limits_.refusal(news)) {
      refused_ = true;
      labourer_.refused(*refusal);
      return false;
    }
    if (news.size() < WorkHeader::size) return false;
    const WorkHeader header = WorkHeader::of(news);
    if (news.size() < header.frame_bytes()) return false;
    labourer_.compute(std::chrono::microseconds(header.compute_us));
    labourer_.block(std::chrono::microseconds(header.block_us));
    whole_ += static_cast<std::uint32_t>(header.frame_bytes());
    return true;
  }

  Room memory_;
  WorkLimits limits_;  // by value: no protocol has to outlive its conversations
  std::uint32_t first_ = 0;
  std::uint32_t whole_ = 0;
  std::uint32_t last_ = 0;
  bool refused_ = false;
  [[no_unique_address]] Labourer labourer_;
};

struct Work {
  WorkLimits limits;

  static constexpr bool may_block = true;
  [[nodiscard]] WorkSession<Labour> serve(Room memory) const { return {memory, limits}; }
};

static_assert(Session<WorkSession<Labour>> && Protocol<Work>);

}  // namespace echolab
