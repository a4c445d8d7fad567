// The client's side of the work protocol: it asks for work, and checks every byte.
#pragma once

#include <array>
#include <cstring>

#include "clients/echo_caller.hpp"
#include "clients/frame_row.hpp"
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

/// What each connection says: an endless row of frames whose payloads are the pattern's
/// bytes. As with a Pattern, it follows from seed, connection and position alone. For one
/// thread: a frame is put together in a memory of its own.
class WorkWords {
 public:
  using Place = FramePlace;

  WorkWords(const Pattern& pattern, const WorkMix& mix, const SizeLaw& payloads,
            std::uint64_t seed)
      : pattern_(pattern),
        mix_(mix),
        seed_(scrambled(seed)),
        row_(payloads, [](std::uint64_t) { return std::uint64_t{WorkHeader::size}; }),
        memory_(memory_bytes) {}
  /// All payloads of one size.
  WorkWords(const Pattern& pattern, const WorkMix& mix, std::uint64_t payload_bytes,
            std::uint64_t seed)
      : WorkWords(pattern, mix, SizeLaw(payload_bytes), seed) {}

  /// Of frame `number`, with its header.
  [[nodiscard]] std::uint64_t request_bytes(std::uint64_t connection,
                                            std::uint64_t number) const {
    return row_.frame_bytes(connection, number);
  }

  /// The bytes of `connection` from `position` on: 1 … `most`, good until the next call.
  /// Header and payload lie together, or each request would take two sends.
  /// `place`: any frame of the connection, the nearer the sooner; then the last one read.
  [[nodiscard]] Bytes at(std::uint64_t connection, std::uint64_t position,
                         std::uint64_t most, Place& place) const {
    const Room room = memory_.room().first(std::min<std::uint64_t>(most, memory_bytes));
    for (std::size_t filled = 0; filled < room.size();) {
      const Room rest = room.subspan(filled);
      row_.seek(place, connection, position + filled);
      const Bytes next =
          piece(connection, place, position + filled - place.begin, rest.size());
      std::memcpy(rest.data(), next.data(), next.size());
      filled += next.size();
    }
    return room;
  }
  [[nodiscard]] Bytes at(std::uint64_t connection, std::uint64_t position,
                         std::uint64_t most) const {
    Place first;
    return at(connection, position, most, first);
  }
  /// Whether a payload may have these bytes.
  [[nodiscard]] bool holds(Bytes bytes) const { return pattern_.holds(bytes); }

 private:
  static constexpr std::size_t memory_bytes = 64 * 1024;

  static std::uint32_t count(std::chrono::microseconds time) {
    return static_cast<std::uint32_t>(time.count());
  }
  /// Part of one header, or of one payload.
  [[nodiscard]] Bytes piece(std::uint64_t connection, const Place& frame,
                            std::uint64_t inside, std::uint64_t most) const {
    const std::uint64_t payload = row_.payload_bytes(connection, frame.number);
    if (inside < WorkHeader::size) {
      header_ = header_of(connection, frame.number, payload);
      const Bytes rest = Bytes(header_).subspan(inside);
      return rest.first(std::min<std::uint64_t>(rest.size(), most));
    }
    const std::uint64_t said = inside - WorkHeader::size;
    return pattern_.at(connection, row_.text_begin(frame.number) + said,
                       std::min(most, payload - said));
  }
  [[nodiscard]] std::array<std::byte, WorkHeader::size> header_of(
      std::uint64_t connection, std::uint64_t frame, std::uint64_t payload) const {
    const std::uint64_t drawn = scrambled(seed_ ^ connection << 32 ^ frame);
    const bool is_heavy = static_cast<double>(drawn >> 11) * 0x1p-53 < mix_.heavy_share;
    WorkHeader header{static_cast<std::uint32_t>(payload), count(mix_.compute),
                      count(mix_.block)};
    if (is_heavy) header.compute_us += count(mix_.heavy_compute);
    return header.bytes();
  }

  const Pattern& pattern_;
  const WorkMix mix_;
  const std::uint64_t seed_;
  const FrameRow<std::uint64_t (*)(std::uint64_t)> row_;
  const Buffer memory_;
  mutable std::array<std::byte, WorkHeader::size> header_{};
};

using WorkCaller = Caller<WorkWords>;

static_assert(Session<WorkCaller>);

}  // namespace echolab
