// Where ceilings are kept from one run to the next.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "clients/ceiling.hpp"
#include "clients/load.hpp"

namespace echolab {

/// All that a ceiling depends on: the state of this machine and this build, and the shape
/// of the load. A ceiling holds for a run whose key is the same, and for no other.
nlohmann::json ceiling_key(const LoadPlan& plan);

/// $XDG_CACHE_HOME/echolab/calibration.json; without that variable, or where it is not an
/// absolute path, ~/.cache/… (XDG Base Directory Specification). Empty when HOME is
/// missing, too.
std::optional<std::filesystem::path> ceiling_path();

/// The ceilings of one file: {"schema_version": 1, "entries": [{"key": …, "ceiling":
/// …}]}, oldest first. A file that is broken, of another version, or longer than 4 MiB is
/// said on stderr and taken for an empty one.
class CeilingFile {
 public:
  explicit CeilingFile(std::filesystem::path path) : path_(std::move(path)) {}

  /// Empty when none was kept for this key.
  [[nodiscard]] std::optional<Ceiling> find(const nlohmann::json& key) const;

  /// Replaces the one of the same key. The file is replaced as a whole, by rename(2), and
  /// by one program at a time (flock(2)); of more than 1 000 ceilings the oldest go.
  /// Throws Failure that names the file when it cannot be written.
  void keep(const nlohmann::json& key, const Ceiling& ceiling) const;

 private:
  struct Entry {
    nlohmann::json key;
    Ceiling ceiling;
  };
  [[nodiscard]] std::vector<Entry> read() const;
  void write(const std::vector<Entry>& entries) const;

  std::filesystem::path path_;
};

/// What was kept for this load, if anything was.
std::optional<Ceiling> known_ceiling(const LoadPlan& plan);

}  // namespace echolab
