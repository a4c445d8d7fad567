#include "bench/results_folder.hpp"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "bench/environment.hpp"
#include "common/error.hpp"

namespace echolab {
namespace {

constexpr const char* trials_name = "trials.jsonl";
constexpr const char* tuning_name = "tuning.jsonl";

[[noreturn]] void cannot_write(const std::string& path, int error) {
  throw Failure(ExitCode::failure,
                fmt::format("cannot write {}: {}", path, std::strerror(error)));
}

[[noreturn]] void cannot_use(const std::string& path, int error) {
  throw Failure(ExitCode::failure,
                fmt::format("cannot write {}: {}; --results names another folder", path,
                            std::strerror(error)));
}

void write_all(const Fd& fd, const std::string& path, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd.get(), text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) cannot_write(path, errno);
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

Fd open_new(const std::string& path) {
  Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644));
  if (!fd) cannot_write(path, errno);
  return fd;
}

/// Of a file; empty when it cannot be read.
std::string text_of(const std::string& path) {
  const std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

std::string time_text() {
  return fmt::format("{:%Y-%m-%dT%H:%M:%S%z}", fmt::localtime(std::time(nullptr)));
}

void write_file(const std::string& path, std::string_view text) {
  write_all(open_new(path), path, text);
}

ResultsFolder::ResultsFolder(const std::string& parent) {
  std::error_code error;
  std::filesystem::create_directories(parent, error);
  if (error) cannot_use(parent, error.value());
  const std::string name = fmt::format("{}/{:%Y-%m-%dT%H%M}-{}", parent,
                                       fmt::localtime(std::time(nullptr)), host_name());
  path_ = name;
  for (int again = 2; ::mkdir(path_.c_str(), 0755) != 0; ++again) {
    if (errno != EEXIST) cannot_use(path_, errno);
    path_ = fmt::format("{}-{}", name, again);
  }
  trials_ = open_new(path_ + "/trials.jsonl");
  lock();
}

ResultsFolder ResultsFolder::reopened(const std::string& path) {
  ResultsFolder folder;
  folder.path_ = path;
  const std::string trials = path + "/trials.jsonl";
  folder.trials_ = Fd(::open(trials.c_str(), O_RDWR | O_APPEND | O_CLOEXEC));
  if (!folder.trials_)
    throw UsageError(
        fmt::format("--resume: {}: {}; give a folder that echo_compare wrote", trials,
                    std::strerror(errno)));
  folder.lock();
  return folder;
}

/// Gone with the last copy of the descriptor, however the program ends (flock(2)).
void ResultsFolder::lock() const {
  if (::flock(trials_.get(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
  throw UsageError(fmt::format("--resume: the campaign in {} still runs", path_));
}

void ResultsFolder::write_manifest(const nlohmann::json& manifest) const {
  const std::string path = path_ + "/manifest.json";
  const std::string fresh = path + ".new";
  try {
    write_file(fresh, manifest.dump(2) + "\n");
  } catch (const Failure&) {
    ::unlink(fresh.c_str());
    throw;
  }
  if (std::rename(fresh.c_str(), path.c_str()) != 0) cannot_write(path, errno);
}

void ResultsFolder::append(const Fd& file, const std::string& name,
                           const std::string& line) const {
  const off_t before = ::lseek(file.get(), 0, SEEK_END);
  try {
    write_all(file, path_ + "/" + name, line + "\n");
  } catch (const Failure& failure) {
    if (before >= 0) [[maybe_unused]]
      const int cut = ::ftruncate(file.get(), before);
    throw Failure(failure.code,
                  fmt::format("{}; what was measured before is kept, to go on: "
                              "echo_compare --resume '{}'",
                              failure.what(), path_));
  }
}

void ResultsFolder::append_trial(const std::string& line) const {
  append(trials_, trials_name, line);
}

void ResultsFolder::append_tuning_trial(const std::string& line) const {
  const std::string path = path_ + "/" + tuning_name;
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!file) cannot_write(path, errno);
  append(file, tuning_name, line);
}

nlohmann::json ResultsFolder::read_manifest() const {
  const std::string path = path_ + "/manifest.json";
  auto manifest = nlohmann::json::parse(text_of(path), nullptr, false);
  if (!manifest.is_object())
    throw UsageError(fmt::format("--resume: {} is not there, or no JSON object", path));
  return manifest;
}

ResultsFolder::Trials ResultsFolder::read(const std::string& name) const {
  std::istringstream text(text_of(path_ + "/" + name));
  Trials trials;
  for (std::string line; std::getline(text, line);) {
    if (text.eof())  // no end of line after it
      trials.cut_off_bytes = line.size();
    else
      trials.lines.push_back(std::move(line));
  }
  return trials;
}

void ResultsFolder::cut(const std::string& name, std::uint64_t bytes) const {
  if (bytes == 0) return;
  const std::string path = path_ + "/" + name;
  const auto kept = std::filesystem::file_size(path) - bytes;
  if (::truncate(path.c_str(), static_cast<off_t>(kept)) != 0) cannot_write(path, errno);
}

ResultsFolder::Trials ResultsFolder::read_trials() const {
  return read(trials_name);
}

void ResultsFolder::drop_cut_off(const Trials& trials) const {
  cut(trials_name, trials.cut_off_bytes);
}

std::vector<std::string> ResultsFolder::read_tuning_trials() const {
  Trials trials = read(tuning_name);
  cut(tuning_name, trials.cut_off_bytes);
  return std::move(trials.lines);
}

}  // namespace echolab
