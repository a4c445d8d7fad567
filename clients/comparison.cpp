#include "clients/comparison.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "common/program.hpp"

namespace echolab {
namespace {

Comparison comparison(const std::string& text) {
  const std::size_t at = text.find_first_of("<>");
  if (at == text.npos) return {text, text, "", ""};
  const std::size_t size = text.compare(at + 1, 1, "=") == 0 ? 2 : 1;
  return {text, text.substr(0, at), text.substr(at, size), text.substr(at + size)};
}

bool is_utf8() {
  std::string name;
  for (const char* variable : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(variable);
    if (value == nullptr || *value == '\0') continue;
    name = value;
    break;
  }
  std::erase(name, '-');
  std::ranges::transform(name, name.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  return name.find(".utf8") != name.npos;
}

}  // namespace

std::vector<Comparison> comparisons(std::string text) {
  std::erase(text, ' ');
  std::vector<Comparison> clauses;
  for (const std::string& part : split(text)) clauses.push_back(comparison(part));
  return clauses;
}

std::string_view kept_mark(bool is_kept) {
  if (!is_utf8()) return is_kept ? "ok" : "NO";
  return is_kept ? "✓" : "✗";
}

std::size_t kept_mark_width() {
  return is_utf8() ? 1 : 2;
}

}  // namespace echolab
