#include "bench/machine_files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <set>

#include "common/fd.hpp"
#include "common/program.hpp"

namespace echolab {
namespace {

namespace fs = std::filesystem;

std::optional<std::string> names_in(const fs::path& folder) {
  std::error_code error;
  std::string names;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error))
    names += entry->path().filename().string() + "\n";
  if (error) return std::nullopt;
  return names;
}

std::optional<std::string> read_here(const std::string& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) return names_in(path);
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  std::string text;
  std::array<char, 4096> bytes{};
  for (;;) {
    const ssize_t n = ::read(file.get(), bytes.data(), bytes.size());
    if (n < 0) return std::nullopt;  // some files of /sys are there, and say EINVAL
    if (n == 0) return text;
    text.append(bytes.data(), static_cast<std::size_t>(n));
  }
}

std::optional<std::uint64_t> whole_number(std::string_view text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || rest != end) return std::nullopt;
  return number;
}

/// What stands after `key` and one ":" or "=", both with any blanks around.
std::optional<std::string_view> after(std::string_view line, std::string_view key) {
  if (!line.starts_with(key)) return std::nullopt;
  line = trimmed(line.substr(key.size()));
  if (!line.starts_with(':') && !line.starts_with('=')) return std::nullopt;
  line = trimmed(line.substr(1));
  if (line.size() >= 2 && line.starts_with('"') && line.ends_with('"'))
    line = line.substr(1, line.size() - 2);
  return line;
}

}  // namespace

MachineFiles::MachineFiles() : read_(read_here) {}

std::optional<std::string> MachineFiles::line(const std::string& path) const {
  const auto whole = text(path);
  if (!whole) return std::nullopt;
  const std::string_view first =
      trimmed(std::string_view(*whole).substr(0, whole->find('\n')));
  if (first.empty()) return std::nullopt;
  return std::string(first);
}

std::optional<std::uint64_t> MachineFiles::number(const std::string& path) const {
  const auto first = line(path);
  return first ? whole_number(*first) : std::nullopt;
}

std::optional<std::string> MachineFiles::value(const std::string& path,
                                               std::string_view key) const {
  const auto whole = text(path);
  if (!whole) return std::nullopt;
  for (const std::string& one : lines_of(*whole))
    if (const auto found = after(one, key)) return std::string(*found);
  return std::nullopt;
}

std::vector<std::string> MachineFiles::names(const std::string& folder) const {
  const auto listed = text(folder);
  if (!listed) return {};
  auto found = lines_of(*listed);
  std::ranges::sort(found);
  return found;
}

MachineFiles made_of(std::map<std::string, std::string> files) {
  return MachineFiles(
      [files = std::move(files)](const std::string& path) -> std::optional<std::string> {
        const auto found = files.find(path);
        if (found != files.end()) return found->second;
        std::set<std::string> names;  // where it is a folder
        for (const auto& [file, text] : files)
          if (file.starts_with(path + "/")) {
            const std::string rest = file.substr(path.size() + 1);
            names.insert(rest.substr(0, rest.find('/')) + "\n");
          }
        if (names.empty()) return std::nullopt;
        std::string listed;
        for (const std::string& name : names) listed += name;
        return listed;
      });
}

std::optional<Most> parse_most(std::string_view text) {
  if (text == "max" || text == "unlimited" || text == "-1") return Most{};
  const auto number = whole_number(text);
  if (!number) return std::nullopt;
  return Most{number};
}

std::optional<Limits> limits_of(const MachineFiles& files, std::string_view name) {
  const auto whole = files.text("/proc/self/limits");
  if (!whole) return std::nullopt;
  for (const std::string& line : lines_of(*whole)) {
    if (!line.starts_with(name)) continue;
    const auto columns = split(trimmed(std::string_view(line).substr(name.size())), ' ');
    if (columns.size() < 2) return std::nullopt;
    const auto soft = parse_most(columns[0]);
    const auto hard = parse_most(columns[1]);
    if (!soft || !hard) return std::nullopt;
    return Limits{*soft, *hard};
  }
  return std::nullopt;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(blanks);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) + 1 - begin);
}

std::vector<std::string> lines_of(std::string_view text) {
  return split(text, '\n');
}

}  // namespace echolab
