#include "bench/results_folder.hpp"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>

#include "bench/environment.hpp"
#include "common/error.hpp"

namespace echolab {
namespace {

[[noreturn]] void cannot_write(const std::string& path, int error) {
  throw Failure(ExitCode::failure,
                fmt::format("cannot write {}: {}; --results names another "
                            "folder",
                            path, std::strerror(error)));
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
  if (error) cannot_write(parent, error.value());
  const std::string name = fmt::format("{}/{:%Y-%m-%dT%H%M}-{}", parent,
                                       fmt::localtime(std::time(nullptr)), host_name());
  path_ = name;
  for (int again = 2; ::mkdir(path_.c_str(), 0755) != 0; ++again) {
    if (errno != EEXIST) cannot_write(path_, errno);
    path_ = fmt::format("{}-{}", name, again);
  }
  trials_ = open_new(path_ + "/trials.jsonl");
}

void ResultsFolder::write_manifest(const nlohmann::json& manifest) const {
  const std::string path = path_ + "/manifest.json";
  const std::string fresh = path + ".new";
  write_file(fresh, manifest.dump(2) + "\n");
  if (std::rename(fresh.c_str(), path.c_str()) != 0) cannot_write(path, errno);
}

void ResultsFolder::append_trial(const std::string& line) const {
  write_all(trials_, path_ + "/trials.jsonl", line + "\n");
}

}  // namespace echolab
