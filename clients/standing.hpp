// Standing: how far a connection had come when it failed, in words.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "clients/wrong_bytes.hpp"

namespace echolab {

/// How many bytes request `number` of a connection has on the wire.
using RequestSizes =
    std::function<std::uint64_t(std::uint64_t connection, std::uint64_t number)>;

/// Of the requests of one connection, in the order in which they are asked, sent and
/// answered.
struct Standing {
  std::uint64_t connection = 0;  ///< among all
  std::uint64_t asked = 0;       ///< requests …
  std::uint64_t begun = 0;       ///< … of them: the first byte left
  std::uint64_t answered = 0;    ///< … of them, whole
  std::uint64_t asked_bytes = 0;
  std::uint64_t verified_bytes = 0;
};

/// How much of the reply that a connection waits for has come.
struct PartOfReply {
  std::uint64_t bytes = 0;
  std::string text;  ///< " after 3 of 64 bytes of reply 7": goes on a sentence
};
PartOfReply part_of_reply(const Standing& standing, const RequestSizes& sizes);

/// Of one whose reply has not come in time. `waits_ns`: since the request was sent;
/// empty: it never was.
std::string told_silence(const Standing& standing, const RequestSizes& sizes,
                         std::optional<std::int64_t> waits_ns);

/// Adds where its requests begin: those that have no reply, and a few before.
void add_places(const Standing& standing, const RequestSizes& sizes,
                std::vector<RequestPlace>& places);

}  // namespace echolab
