// The commit that a program was built from.
#pragma once

#include <optional>
#include <string>

namespace echolab::build {

struct Commit {
  std::string name;  ///< its first 12 digits
  bool is_dirty;     ///< there were changes to its files that are in no commit
};

/// Looked up by each build (common/commit.cmake) and linked into programs alone: a commit
/// compiles one line and relinks a few programs. Empty in tests, and where the sources
/// came without their history.
std::optional<Commit> commit();

}  // namespace echolab::build
