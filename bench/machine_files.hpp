// MachineFiles: what the kernel tells of a machine in /proc and /sys. A test tells of
// another machine.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace echolab {

/// Nothing here throws: what cannot be read is empty.
class MachineFiles {
 public:
  /// The text of a file, or the names in a folder one a line; empty: it is not there.
  using Read = std::function<std::optional<std::string>(const std::string& path)>;

  MachineFiles();  ///< of the machine that this runs on
  explicit MachineFiles(Read read) : read_(std::move(read)) {}

  [[nodiscard]] std::optional<std::string> text(const std::string& path) const {
    return read_(path);
  }
  /// The first line, without blanks at its ends; empty also where there is nothing on it.
  [[nodiscard]] std::optional<std::string> line(const std::string& path) const;
  /// The first line as a whole number; empty for "max" and "-1".
  [[nodiscard]] std::optional<std::uint64_t> number(const std::string& path) const;
  /// The value of the first line "key: value" or "key=value", without quotes.
  [[nodiscard]] std::optional<std::string> value(const std::string& path,
                                                 std::string_view key) const;
  /// The names in a folder, ascending.
  [[nodiscard]] std::vector<std::string> names(const std::string& folder) const;

 private:
  Read read_;
};

/// A machine that has these files, and no others.
MachineFiles made_of(std::map<std::string, std::string> files);

/// "max", or a number of the unit that the file has: what cgroups and /proc/self/limits
/// say. Empty for anything else.
struct Most {
  std::optional<std::uint64_t> number;  ///< empty: no limit
};
std::optional<Most> parse_most(std::string_view text);

/// A limit of this process by its name in /proc/self/limits, such as "Max open files".
struct Limits {
  Most soft;
  Most hard;
};
std::optional<Limits> limits_of(const MachineFiles& files, std::string_view name);

/// Without blanks and ends of lines before and after.
std::string_view trimmed(std::string_view text);
/// Each line, without its end.
std::vector<std::string> lines_of(std::string_view text);

}  // namespace echolab
