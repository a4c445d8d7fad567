#include "common/units.hpp"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <ctime>
#include <span>
#include <utility>

namespace echolab {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr std::array counts{Unit{"", 1},    Unit{"k", 1e3}, Unit{"K", 1e3},
                            Unit{"M", 1e6}, Unit{"m", 1e6}, Unit{"G", 1e9}};
constexpr std::array sizes{
    Unit{"", 1},          Unit{"B", 1},    Unit{"k", 1024},         Unit{"K", 1024},
    Unit{"KiB", 1024},    Unit{"kB", 1e3}, Unit{"KB", 1e3},         Unit{"M", 1048576},
    Unit{"MiB", 1048576}, Unit{"MB", 1e6}, Unit{"GiB", 1073741824}, Unit{"GB", 1e9}};
constexpr std::array times{Unit{"ns", 1},     Unit{"us", 1e3},  Unit{"µs", 1e3},
                           Unit{"ms", 1e6},   Unit{"s", 1e9},   Unit{"m", 6e10},
                           Unit{"min", 6e10}, Unit{"h", 3.6e12}};

/// A finite number ≥ 0 with one of `units`, in the base unit, below 2^53.
std::optional<double> parse(std::string_view text, std::span<const Unit> units) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] =
      std::from_chars(text.data(), end, number, std::chars_format::fixed);
  if (error != std::errc() || std::signbit(number)) return std::nullopt;
  const std::string_view name(rest, static_cast<std::size_t>(end - rest));
  for (const Unit& unit : units) {
    if (unit.name != name) continue;
    const double value = number * unit.factor;
    if (value < 9007199254740992.0) return value;
  }
  return std::nullopt;
}

/// A whole number, also where the product of a decimal and its unit just misses it:
/// 1.001 * 1000 is 1000.9999999999999 in binary.
std::optional<std::uint64_t> whole(std::optional<double> value) {
  if (!value) return std::nullopt;
  const double nearest = std::round(*value);
  if (std::fabs(*value - nearest) > 1e-15 * nearest) return std::nullopt;
  return static_cast<std::uint64_t>(nearest);
}

/// `value` in the first of `units` that it is a whole number of; the last one is 1.
std::string exact(std::uint64_t value, std::span<const Unit> units) {
  for (const Unit& unit : units) {
    const auto factor = static_cast<std::uint64_t>(unit.factor);
    if (value >= factor && value % factor == 0)
      return fmt::format("{}{}", value / factor, unit.name);
  }
  return "0";
}

std::string three_digits(double value) {
  const double size = std::fabs(value);
  return fmt::format("{:.{}f}", value, size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2);
}

}  // namespace

std::optional<std::uint64_t> parse_count(std::string_view text) {
  return whole(parse(text, counts));
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  return whole(parse(text, sizes));
}

std::optional<Nanoseconds> parse_duration(std::string_view text) {
  if (text == "0") return Nanoseconds(0);
  const auto ns = whole(parse(text, times));
  if (!ns) return std::nullopt;
  return Nanoseconds(*ns);
}

std::optional<std::int64_t> parse_moment(std::string_view text) {
  constexpr double seconds_until_2200 = 7.3e9;
  tm moment{};
  const std::string whole_text(text);
  const char* rest = ::strptime(whole_text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &moment);
  if (rest != nullptr && *rest == '\0')
    return ::timegm(&moment) * std::int64_t{1'000'000'000};
  double seconds = 0;
  const char* end = text.data() + text.size();
  const auto [last, error] =
      std::from_chars(text.data(), end, seconds, std::chars_format::fixed);
  if (error != std::errc() || last != end || !(seconds >= 0)) return std::nullopt;
  if (seconds > seconds_until_2200) return std::nullopt;
  return static_cast<std::int64_t>(std::round(seconds * 1e9));
}

std::string write_bytes(std::uint64_t bytes) {
  constexpr std::array units{Unit{"GiB", 1073741824}, Unit{"MiB", 1048576},
                             Unit{"KiB", 1024}, Unit{"", 1}};
  return exact(bytes, units);
}

std::string write_duration(Nanoseconds time) {
  constexpr std::array units{Unit{"h", 3.6e12}, Unit{"min", 6e10}, Unit{"s", 1e9},
                             Unit{"ms", 1e6},   Unit{"us", 1e3},   Unit{"ns", 1}};
  return exact(static_cast<std::uint64_t>(time.count()), units);
}

std::string show_duration(double ns) {
  if (ns < 999.5) return fmt::format("{:.0f} ns", ns);
  if (ns < 999.5e3) return three_digits(ns / 1e3) + " us";
  if (ns < 999.5e6) return three_digits(ns / 1e6) + " ms";
  return three_digits(ns / 1e9) + " s";
}

std::string show_bytes(double bytes) {
  constexpr double least = 1023.5;  // what is shown as 1024 takes the next unit
  if (bytes < least) return fmt::format("{:.0f} B", bytes);
  if (bytes < least * 1024) return three_digits(bytes / 1024) + " KiB";
  if (bytes < least * 1024 * 1024) return three_digits(bytes / (1024.0 * 1024)) + " MiB";
  return three_digits(bytes / (1024.0 * 1024 * 1024)) + " GiB";
}

std::string show_count(double count) {
  if (count < 999.5) return fmt::format("{:.0f}", count);
  if (count < 999.5e3) return three_digits(count / 1e3) + "k";
  if (count < 999.5e6) return three_digits(count / 1e6) + "M";
  return three_digits(count / 1e9) + "G";
}

}  // namespace echolab
