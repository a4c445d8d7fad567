// The client's side of the work protocol: it asks for work, and checks every byte.
#pragma once

#include <array>
#include <cstring>

#include "clients/echo_caller.hpp"
#include "common/buffer.hpp"
#include "common/work.hpp"

namespace echolab {

/// What a client asks of a server with each request.
struct WorkMix {
  std::chrono::microseconds compute{0};
  std::chrono::microseconds block{0};
  double heavy_share = 0;  ///< 0 … 1: of the requests, as the seed says, that compute …
  std::chrono::microseconds heavy_compute{0};  ///< … so long in addition

  /// The most that one request asks for.
  [[nodiscard]] std::chrono::microseconds most() const {
    return compute + block + (heavy_share > 0 ? heavy_compute : decltype(compute){0});
  }
};

/// What each connection says: an endless row of frames of one size, whose payloads are
/// the pattern's bytes. As with a Pattern, it follows from seed, connection and position
/// alone. For one thread: a frame is put together in a memory of its own.
class WorkWords {
 public:
  WorkWords(const Pattern& pattern, const WorkMix& mix, std::uint64_t payload_bytes,
            std::uint64_t seed)
      : pattern_(pattern),
        heavy_share_(mix.heavy_share),
        seed_(scrambled(seed)),
        payload_bytes_(payload_bytes),
        memory_(memory_bytes) {
    WorkHeader header{static_cast<std::uint32_t>(payload_bytes), count(mix.compute),
                      count(mix.block)};
    usual_ = header.bytes();
    header.compute_us += count(mix.heavy_compute);
    heavy_ = header.bytes();
  }

  /// The bytes of `connection` from `position` on: 1 … `most`, good until the next call.
  /// Header and payload lie together, or each request would take two sends.
  [[nodiscard]] Bytes at(std::uint64_t connection, std::uint64_t position,
                         std::uint64_t most) const {
    const Room room = memory_.room().first(std::min<std::uint64_t>(most, memory_bytes));
    for (std::size_t filled = 0; filled < room.size();) {
      const Room rest = room.subspan(filled);
      const Bytes next = piece(connection, position + filled, rest.size());
      std::memcpy(rest.data(), next.data(), next.size());
      filled += next.size();
    }
    return room;
  }
  /// Whether a payload may have these bytes.
  [[nodiscard]] bool holds(Bytes bytes) const { return pattern_.holds(bytes); }

 private:
  static constexpr std::size_t memory_bytes = 64 * 1024;

  static std::uint32_t count(std::chrono::microseconds time) {
    return static_cast<std::uint32_t>(time.count());
  }
  /// Part of one header, or of one payload.
  [[nodiscard]] Bytes piece(std::uint64_t connection, std::uint64_t position,
                            std::uint64_t most) const {
    const std::uint64_t frame_bytes = WorkHeader::size + payload_bytes_;
    const std::uint64_t frame = position / frame_bytes;
    const std::uint64_t inside = position % frame_bytes;
    if (inside < WorkHeader::size) {
      const Bytes rest = Bytes(header_of(connection, frame)).subspan(inside);
      return rest.first(std::min<std::uint64_t>(rest.size(), most));
    }
    return pattern_.at(connection, frame * payload_bytes_ + inside - WorkHeader::size,
                       std::min(most, frame_bytes - inside));
  }
  [[nodiscard]] const std::array<std::byte, WorkHeader::size>& header_of(
      std::uint64_t connection, std::uint64_t frame) const {
    const std::uint64_t drawn = scrambled(seed_ ^ connection << 32 ^ frame);
    return static_cast<double>(drawn >> 11) * 0x1p-53 < heavy_share_ ? heavy_ : usual_;
  }

  const Pattern& pattern_;
  const double heavy_share_;
  const std::uint64_t seed_;
  const std::uint64_t payload_bytes_;
  const Buffer memory_;
  std::array<std::byte, WorkHeader::size> usual_;
  std::array<std::byte, WorkHeader::size> heavy_;
};

using WorkCaller = Caller<WorkWords>;

static_assert(Session<WorkCaller>);

}  // namespace echolab
