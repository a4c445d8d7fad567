#include "clients/hdr_log.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <zlib.h>

#include <bit>
#include <ctime>
#include <stdexcept>

#include "clients/hdr_layout.hpp"

namespace echolab {
namespace {

// AbstractHistogram.java: the last byte but four bits says "words of variable length".
constexpr std::uint32_t encoded_cookie = 0x1c84'9303 | 0x10;
constexpr std::uint32_t deflated_cookie = 0x1c84'9304 | 0x10;

template <class Integer>
void append_big_endian(std::string& bytes, Integer value) {
  for (int shift = 8 * (static_cast<int>(sizeof value) - 1); shift >= 0; shift -= 8)
    bytes += static_cast<char>(value >> shift & 0xff);
}

/// ZigZag makes small numbers of either sign small, LEB128 takes 7 bits a byte. The
/// format ends at 9 bytes, whose last has 8 bits: counts up to Histogram::most_values do
/// not come so far.
void append_zig_zag(std::string& bytes, std::int64_t value) {
  auto rest = static_cast<std::uint64_t>(value) << 1 ^
              static_cast<std::uint64_t>(value < 0 ? -1 : 0);
  for (; rest >= 0x80; rest >>= 7) bytes += static_cast<char>(rest | 0x80);
  bytes += static_cast<char>(rest);
}

std::string encoded_counts(const Histogram& histogram) {
  std::string bytes;
  std::uint64_t next = 0;
  for (const auto& [lower, upper, count] : hdr_buckets(histogram)) {
    const std::uint64_t index = HdrLayout::index(lower);
    if (index > next) append_zig_zag(bytes, -static_cast<std::int64_t>(index - next));
    append_zig_zag(bytes, static_cast<std::int64_t>(count));
    next = index + 1;
  }
  return bytes;
}

/// 40 bytes of header, then the counts.
std::string encoded(const Histogram& histogram) {
  const std::string counts = encoded_counts(histogram);
  std::string bytes;
  append_big_endian(bytes, encoded_cookie);
  append_big_endian(bytes, static_cast<std::uint32_t>(counts.size()));
  append_big_endian(bytes, std::uint32_t{0});  // nothing is shifted by an offset
  append_big_endian(bytes, std::uint32_t{HdrLayout::digits});
  append_big_endian(bytes, std::uint64_t{1});  // the least unit
  append_big_endian(bytes, hdr_highest_ns(histogram));
  append_big_endian(bytes, std::bit_cast<std::uint64_t>(1.0));  // integers to doubles
  return bytes + counts;
}

std::string deflated(const std::string& bytes) {
  uLongf size = ::compressBound(bytes.size());
  std::string packed(size, '\0');
  if (::compress2(reinterpret_cast<Bytef*>(packed.data()), &size,
                  reinterpret_cast<const Bytef*>(bytes.data()), bytes.size(),
                  Z_BEST_COMPRESSION) != Z_OK)
    throw std::runtime_error("compress2: zlib is out of memory");
  packed.resize(size);
  std::string framed;
  append_big_endian(framed, deflated_cookie);
  append_big_endian(framed, static_cast<std::uint32_t>(packed.size()));
  return framed + packed;
}

/// RFC 4648, section 4.
std::string base64(std::string_view bytes) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t three = 0;
    for (std::size_t j = i; j < i + 3; ++j)
      three = three << 8 | (j < bytes.size() ? static_cast<unsigned char>(bytes[j]) : 0u);
    for (int shift = 18; shift >= 0; shift -= 6) text += digits[three >> shift & 63];
  }
  const std::size_t missing = (3 - bytes.size() % 3) % 3;
  return text.replace(text.size() - missing, missing, missing, '=');
}

}  // namespace

std::string hdr_log_head(double start_unix_seconds) {
  return fmt::format(
      "#[Histogram log format version 1.3]\n"
      "#[StartTime: {:.3f} (seconds since epoch), {:%a %b %d %H:%M:%S UTC %Y}]\n"
      "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\","
      "\"Interval_Compressed_Histogram\"\n",
      start_unix_seconds, fmt::gmtime(static_cast<std::time_t>(start_unix_seconds)));
}

std::string hdr_log_line(double start_seconds, double seconds, const Histogram& histogram,
                         std::string_view tag) {
  return fmt::format("{}{:.3f},{:.3f},{:.3f},{}\n",
                     tag.empty() ? "" : fmt::format("Tag={},", tag), start_seconds,
                     seconds, static_cast<double>(histogram.max_ns()) / 1e6,
                     base64(deflated(encoded(histogram))));
}

}  // namespace echolab
