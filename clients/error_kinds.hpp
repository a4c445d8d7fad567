// The counters of LoadErrors, by the names that rows of results have for them.
#pragma once

#include <cstdint>

#include "clients/load.hpp"

namespace echolab {

struct ErrorCounter {
  const char* name;
  std::uint64_t LoadErrors::*count;
};

/// What ended a connection, or failed a reply: they sum up to total().
inline constexpr ErrorCounter error_ends[] = {
    {"connect", &LoadErrors::connect},   {"timeout", &LoadErrors::timeout},
    {"reset", &LoadErrors::reset},       {"closed_early", &LoadErrors::closed_early},
    {"mismatch", &LoadErrors::mismatch}, {"lost_replies", &LoadErrors::lost_replies}};

/// What those were more exactly; rows of before lack them.
inline constexpr ErrorCounter error_kinds[] = {
    {"altered", &LoadErrors::altered},     {"duplicated", &LoadErrors::duplicated},
    {"dropped", &LoadErrors::dropped},     {"swapped", &LoadErrors::swapped},
    {"unasked", &LoadErrors::unasked},     {"refused", &LoadErrors::refused},
    {"truncated", &LoadErrors::truncated}, {"stalled", &LoadErrors::stalled},
    {"silent", &LoadErrors::silent}};

}  // namespace echolab
