// What a wrong reply was: whose bytes came, or which are missing.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "common/session.hpp"

namespace echolab {

/// What came instead of the right bytes: bytes that nobody has said, the connection's own
/// earlier ones again, its own later ones (those between are missing), those of another
/// connection, more than had been asked for, or (HTTP) a head that is no right one.
enum class Wrong : std::uint8_t {
  altered,
  duplicated,
  dropped,
  swapped,
  unasked,
  refused
};

struct Fault {
  Wrong kind = Wrong::altered;
  std::string text;  ///< where, and what: for people
};

/// Where a request begins among all bytes that its connection says.
struct RequestPlace {
  std::uint64_t connection = 0;
  std::uint64_t number = 0;  ///< 0 … of the connection's requests
  std::uint64_t begin = 0;
};

/// What came on a connection from a place on up to which all was right.
struct WrongBytes {
  std::uint64_t connection = 0;
  std::uint64_t position = 0;  ///< of bytes[0] among all that the connection says
  std::uint64_t said = 0;      ///< bytes that it has said: no more can come back
  Bytes bytes{};
};

/// What the connections of a load say.
struct Speech {
  /// Bytes of a connection from a position on: 1 … `most`, good until the next call.
  std::function<Bytes(std::uint64_t connection, std::uint64_t position,
                      std::uint64_t most)>
      at;
  /// Whether anybody may have said these bytes, at any time.
  std::function<bool(Bytes)> holds;
};

/// Where the bytes could be from: places that are known to whoever asks.
struct Suspects {
  std::span<const RequestPlace> own;  ///< in order, with the one that is wrong
  std::span<const RequestPlace> others;
  /// Looks up to 64 KiB away in the connection's own words as well: some milliseconds.
  bool thorough = true;
};

/// Names the fault. Two places of the words agree by chance once in 2^16 (Pattern), so
/// what is likely is looked at first: the requests, and what is near; but one in a
/// hundred faults may be taken for another. Of fewer than 4 wrong bytes nobody can tell
/// where they are from: those are `altered`, or `unasked` when all that was asked for has
/// come.
Fault explain(const WrongBytes& wrong, const Speech& speech, const Suspects& suspects);

}  // namespace echolab
