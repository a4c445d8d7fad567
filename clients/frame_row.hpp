// FrameRow: where the frames of a connection begin, when each has a size of its own.
#pragma once

#include <concepts>
#include <cstdint>

#include "clients/laws.hpp"

namespace echolab {

/// One frame of a connection's endless row. Whoever reads on keeps the last one: the next
/// is found from there.
struct FramePlace {
  std::uint64_t number = 0;
  std::uint64_t begin = 0;  ///< of its first byte, among all on the wire
};

/// A frame is a head and a payload whose size a law draws from connection and number.
/// `head_bytes(payload_bytes)` is how long the head of such a payload is. The payload of
/// frame k is the pattern's text from k times the longest one on, so that what a frame
/// says needs no other one.
template <std::regular_invocable<std::uint64_t> HeadBytes>
class FrameRow {
 public:
  FrameRow(const SizeLaw& sizes, HeadBytes head_bytes)
      : sizes_(sizes), head_bytes_(head_bytes) {}

  [[nodiscard]] std::uint64_t payload_bytes(std::uint64_t connection,
                                            std::uint64_t number) const {
    return sizes_.of(connection, number);
  }
  [[nodiscard]] std::uint64_t most_payload_bytes() const { return sizes_.most(); }
  /// Head and payload.
  [[nodiscard]] std::uint64_t frame_bytes(std::uint64_t connection,
                                          std::uint64_t number) const {
    const std::uint64_t payload = payload_bytes(connection, number);
    return head_bytes_(payload) + payload;
  }
  [[nodiscard]] std::uint64_t text_begin(std::uint64_t number) const {
    return number * sizes_.most();
  }
  /// Moves `place` to the frame that has `position`: at once where all have one size,
  /// else frame by frame.
  void seek(FramePlace& place, std::uint64_t connection, std::uint64_t position) const {
    if (sizes_.is_fixed()) {
      const std::uint64_t bytes = frame_bytes(connection, 0);
      place = {position / bytes, position - position % bytes};
      return;
    }
    while (position < place.begin) place.begin -= frame_bytes(connection, --place.number);
    for (;;) {
      const std::uint64_t bytes = frame_bytes(connection, place.number);
      if (position < place.begin + bytes) return;
      place.begin += bytes;
      ++place.number;
    }
  }

 private:
  SizeLaw sizes_;
  HeadBytes head_bytes_;
};

}  // namespace echolab
