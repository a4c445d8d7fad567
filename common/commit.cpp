#include "common/commit.hpp"

#include <algorithm>
#include <string_view>

namespace echolab::build {

/// Of the file that common/commit.cmake writes; a null pointer where that is not linked.
[[gnu::weak]] const char* commit_text();

std::optional<Commit> commit() {
  const std::string_view text = commit_text == nullptr ? "" : commit_text();
  if (text.empty()) return std::nullopt;
  const std::size_t end = std::min(text.find(' '), text.size());
  return Commit{std::string(text.substr(0, end)), end < text.size()};
}

}  // namespace echolab::build
