// The manual page of a program, in the macros of man(7).
#pragma once

#include <string>

#include "common/option_tree.hpp"

namespace echolab {

/// For section 1. UTF-8, as man(1) reads it; without a date, as it is made by the program
/// that it describes.
std::string man_page(const OptionTree& tree);

}  // namespace echolab
