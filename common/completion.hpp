// Completion of a program's options, for bash, zsh and fish.
#pragma once

#include <string>
#include <string_view>

#include "common/option_tree.hpp"

namespace echolab {

/// The script that `shell` (bash, zsh, fish) sources. It needs nothing but the shell
/// itself. An option takes its choices, "file" and "folder" what is on the disk, and all
/// else nothing that could be guessed.
std::string completion(const OptionTree& tree, std::string_view shell);

}  // namespace echolab
