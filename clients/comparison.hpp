// What --assert and --search take: clauses such as "p99<5ms"; and the marks for kept and
// broken.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace echolab {

/// A clause, and what stands around its sign.
struct Comparison {
  std::string text;  ///< the whole
  std::string left;
  std::string sign;  ///< "<", "<=", ">" or ">="; empty: it has none, and `left` is all
  std::string right;
};

/// The comma-separated clauses of a text, without its blanks and without empty ones.
std::vector<Comparison> comparisons(std::string text);

/// ✓ or ✗; "ok" or "NO" where people read no UTF-8: by the name of their locale
/// (locale(7): the first of LC_ALL, LC_CTYPE and LANG that is set), installed or not.
std::string_view kept_mark(bool is_kept);
/// Its columns.
std::size_t kept_mark_width();

}  // namespace echolab
