// The first GET of a load: what it brings is what all the others have to.
#pragma once

#include "clients/http_caller.hpp"
#include "clients/load.hpp"

namespace echolab {

/// GETs the path of the plan once, over a connection of its own, which is then
/// closed. Throws Failure that says what is wrong with the reply, which has --timeout to
/// come, and is not longer than HttpBody::most_bytes; Unreachable when nobody answers.
HttpBody fetch_body(const LoadPlan& plan);

}  // namespace echolab
