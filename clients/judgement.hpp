// What of a judgement's words others look for (clients/judgement.cpp).
#pragma once

#include <string_view>

namespace echolab {

/// FAILED, with nothing wrong but that nobody had an answer: the report knows it as well
/// (scripts/report/trial.py).
inline constexpr std::string_view nobody_was_answered =
    "not one reply came inside the measured window";

}  // namespace echolab
