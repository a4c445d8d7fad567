#include "clients/standing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "common/units.hpp"

namespace echolab {
namespace {

/// Bytes may come again that were right once: so many requests back it is looked.
constexpr std::uint64_t places_before = 8;

/// Where request `number` begins among all bytes of the connection.
std::uint64_t begin_of(const Standing& standing, const RequestSizes& sizes,
                       std::uint64_t number) {
  std::uint64_t begin = standing.asked_bytes;
  for (std::uint64_t k = standing.asked; k > number; --k)
    begin -= sizes(standing.connection, k - 1);
  return begin;
}

}  // namespace

PartOfReply part_of_reply(const Standing& standing, const RequestSizes& sizes) {
  const std::uint64_t k = standing.answered;
  if (k == standing.asked) return {0, fmt::format(" after {} replies", k)};
  const std::uint64_t got = standing.verified_bytes - begin_of(standing, sizes, k);
  if (got > 0)
    return {got, fmt::format(" after {} of {} bytes of reply {}", got,
                             sizes(standing.connection, k), k)};
  return {0, k == 0 ? std::string(" without any reply")
                    : fmt::format(" after {} replies, without the next", k)};
}

std::string told_silence(const Standing& standing, const RequestSizes& sizes,
                         std::optional<std::int64_t> waits_ns) {
  const std::string since =
      waits_ns
          ? fmt::format(", sent {} ago", show_duration(static_cast<double>(*waits_ns)))
          : ", and never sent";
  return fmt::format("the server is silent{}{}", part_of_reply(standing, sizes).text,
                     since);
}

void add_places(const Standing& standing, const RequestSizes& sizes,
                std::vector<RequestPlace>& places) {
  if (standing.asked == 0) return;
  std::uint64_t begin = standing.asked_bytes;
  const auto from = std::ssize(places);
  for (std::uint64_t k = standing.asked;
       k > 0 && k + places_before > standing.answered;) {
    begin -= sizes(standing.connection, --k);
    places.push_back({standing.connection, k, begin});
  }
  std::reverse(places.begin() + from, places.end());
}

}  // namespace echolab
