// Where the frames of a connection begin, however one comes there.

#include "clients/frame_row.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace echolab {
namespace {

std::uint64_t head_of(std::uint64_t payload_bytes) {
  return 10 + std::to_string(payload_bytes).size();
}

TEST(FrameRow, FindsEveryFrameForwardsBackwardsAndFromAnywhere) {
  for (const char* text : {"64", "uniform:1-200", "list:1@9,5000@1", "exp:99"}) {
    SCOPED_TRACE(text);
    const FrameRow row(SizeLaw::parse("--size", text), head_of);
    constexpr std::uint64_t connection = 7;
    constexpr std::uint64_t frames = 300;
    std::vector<std::uint64_t> begins = {0};
    for (std::uint64_t k = 0; k < frames; ++k)
      begins.push_back(begins.back() + row.frame_bytes(connection, k));
    FramePlace place;
    const auto expect_at = [&](std::uint64_t frame, std::uint64_t inside) {
      row.seek(place, connection, begins[frame] + inside);
      EXPECT_EQ(place.number, frame);
      EXPECT_EQ(place.begin, begins[frame]);
    };
    for (std::uint64_t k = 0; k < frames; ++k) {
      expect_at(k, 0);
      expect_at(k, begins[k + 1] - begins[k] - 1);
    }
    for (std::uint64_t k = frames; k-- > 0;) expect_at(k, 1);
    for (std::uint64_t k = 0; k < frames; ++k) expect_at(k * 37 % frames, 3);
  }
}

TEST(FrameRow, GivesNoTextTwice) {
  const FrameRow row(SizeLaw::parse("--size", "uniform:1-200"), head_of);
  for (std::uint64_t k = 0; k < 100; ++k)
    EXPECT_LE(row.text_begin(k) + row.payload_bytes(7, k), row.text_begin(k + 1));
}

}  // namespace
}  // namespace echolab
