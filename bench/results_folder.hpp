// ResultsFolder: where a campaign keeps what it measured (results/README.md).
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

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

  /// The folder of a campaign that was interrupted, to go on in. Throws Failure when it
  /// cannot be written, UsageError when it is no such folder, or its campaign still runs.
  static ResultsFolder reopened(const std::string& path);

  [[nodiscard]] const std::string& path() const { return path_; }
  void write_manifest(const nlohmann::json& manifest) const;
  /// Throws Failure that says how to go on, when it cannot be written whole.
  void append_trial(const std::string& line) const;

  /// Throws UsageError when there is none, or it is no JSON.
  [[nodiscard]] nlohmann::json read_manifest() const;
  /// The lines of trials.jsonl, and the bytes after the last whole one: half a line is
  /// what a killed runner, or a full disk, leaves.
  struct Trials {
    std::vector<std::string> lines;
    std::uint64_t cut_off_bytes = 0;
  };
  [[nodiscard]] Trials read_trials() const;
  /// Takes such bytes away, so that the next line stands alone.
  void drop_cut_off(const Trials& trials) const;

  /// The trials that only chose the settings, in tuning.jsonl: no row of the campaign.
  void append_tuning_trial(const std::string& line) const;
  /// Those that were kept; half a line at the end is taken away.
  [[nodiscard]] std::vector<std::string> read_tuning_trials() const;

 private:
  ResultsFolder() = default;
  void lock() const;
  void append(const Fd& file, const std::string& name, const std::string& line) const;
  [[nodiscard]] Trials read(const std::string& name) const;
  void cut(const std::string& name, std::uint64_t bytes) const;

  std::string path_;
  Fd trials_;
};

}  // namespace echolab
