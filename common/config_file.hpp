// A TOML or JSON file as keys with texts, each with its line.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace echolab {

/// `key = value` of a file, the value as it would be typed on a command line.
struct Setting {
  enum class Shape { boolean, single, list };

  std::string key;
  std::size_t line;  ///< of the key, from 1
  Shape shape;
  std::vector<std::string> values;  ///< one, but for a list
};

/// What the file at `path` sets, in its order. Throws UsageError that names the file, and
/// the line of what is neither TOML v1.0 nor JSON (RFC 8259), or more than keys with
/// texts, numbers, true, false and lists of them. A file has 1 MiB at most.
std::vector<Setting> read_config_file(const std::string& path);

/// The same of `text`, which errors call `name`: JSON if the name ends in .json or the
/// text begins with {, else TOML.
std::vector<Setting> parse_config(std::string_view text, const std::string& name);

}  // namespace echolab
