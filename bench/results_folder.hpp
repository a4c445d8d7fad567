// ResultsFolder: where a campaign keeps what it measured (results/README.md).
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "common/fd.hpp"

namespace echolab {

/// Now, local time with offset: "2026-11-20T21:45:03+0100".
std::string time_text();

/// Makes or replaces a file. Throws Failure.
void write_file(const std::string& path, std::string_view text);

/// A new folder `<date>-<host>` below another. A manifest is replaced whole (rename), a
/// trial appended in one write: a campaign that is killed leaves nothing half-written but
/// its last line.
class ResultsFolder {
 public:
  /// Throws Failure when it cannot be made or written, before anything is measured.
  explicit ResultsFolder(const std::string& parent);

  [[nodiscard]] const std::string& path() const { return path_; }
  void write_manifest(const nlohmann::json& manifest) const;
  void append_trial(const std::string& line) const;

 private:
  std::string path_;
  Fd trials_;
};

}  // namespace echolab
