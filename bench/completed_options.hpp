// What --print-config shows of a campaign: what its preset, its experiment and this
// machine have filled in.
#pragma once

#include "bench/compare_options.hpp"

namespace echolab {

/// Of options that are complete(): each that was not given gets the value that holds as
/// its default, which --print-config shows in a comment: the file means the same again,
/// on another machine as well. The seed, which was drawn, is set.
void show_completed(const CompareOptions& options, CLI::App& parser);

}  // namespace echolab
