// Units in and out: what people type and what they read.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace echolab {

using Nanoseconds = std::chrono::nanoseconds;

/// "250", "10k", "1.5M": a count, powers of 1 000. Empty when `text` is none.
std::optional<std::uint64_t> parse_count(std::string_view text);
/// "512", "64KiB", "1MiB", "10kB": bytes, powers of 1 024 with an i, of 1 000 without.
std::optional<std::uint64_t> parse_bytes(std::string_view text);
/// "300ms", "30s", "2m", "1h", "50us", "10ns": the unit is required, except for 0.
std::optional<Nanoseconds> parse_duration(std::string_view text);

/// "2030-01-01T12:00:00Z" (RFC 3339 in UTC), or seconds since 1970 with a fraction, as ns
/// since 1970. Empty when `text` is neither.
std::optional<std::int64_t> parse_moment(std::string_view text);

/// The shortest whole number with a unit that is exact, as parse_bytes reads it: "16KiB",
/// "100", "0".
std::string write_bytes(std::uint64_t bytes);
/// The same, as parse_duration reads it: "10s", "1500ms", "24h", "0". `time` is not
/// negative.
std::string write_duration(Nanoseconds time);

/// Three significant digits and a unit: "1.25 ms", "980 ns", "2.00 s".
std::string show_duration(double ns);
/// "64 B", "1.50 KiB", "8.00 MiB".
std::string show_bytes(double bytes);
/// "945", "12.3k", "1.20M".
std::string show_count(double count);

}  // namespace echolab
