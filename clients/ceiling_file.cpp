#include "clients/ceiling_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include "common/build.hpp"
#include "common/error.hpp"
#include "common/machine.hpp"

namespace echolab {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t most_bytes = 4 << 20;
constexpr std::size_t most_entries = 1'000;  // of 1 KiB or two

json or_null(const std::optional<std::string>& text) {
  return text ? json(*text) : json();
}

/// FNV-1a (Fowler, Noll, Vo), for it is the same in every build.
std::string mitigations_digest() {
  std::uint64_t digest = 0xcbf29ce484222325;
  for (const auto& [weakness, done] : mitigations())
    for (const char c : weakness + ":" + done.value_or("") + "\n")
      digest = (digest ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return fmt::format("{:016x}", digest);
}

/// tcp4 and tcp6 as the host is written; a name counts as IPv4.
std::string transport_name(const Endpoint& server) {
  const char* version = server.host.find(':') == server.host.npos ? "4" : "6";
  switch (server.transport) {
    case Transport::tcp:
      return fmt::format("tcp{}", version);
    case Transport::udp:
      return fmt::format("udp{}", version);
    case Transport::unix_stream:
      return "unix";
    case Transport::unix_datagram:
      return "unixgram";
  }
  return "";
}

Ceiling ceiling_from(const json& row) {
  Ceiling ceiling{.requests_per_second = row.at("requests_per_second"),
                  .least = row.at("least"),
                  .most = row.at("most"),
                  .n = row.at("n"),
                  .made = row.at("made")};
  if (!(ceiling.requests_per_second > 0) || !std::isfinite(ceiling.requests_per_second))
    throw std::runtime_error("a ceiling that is no rate");
  return ceiling;
}

[[noreturn]] void cannot_keep(const fs::path& path, int error) {
  throw Failure(ExitCode::failure, fmt::format("the ceiling is not kept: {}: {}",
                                               path.string(), std::strerror(error)));
}

/// One program at a time replaces what it has read: this one, until it is closed.
Fd lock_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  Fd lock(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock) cannot_keep(folder, errno);
  while (::flock(lock.get(), LOCK_EX) != 0)
    if (errno != EINTR) cannot_keep(folder, errno);
  return lock;
}

}  // namespace

json ceiling_key(const LoadPlan& plan) {
  return {{"machine",
           {{"cpu_model", or_null(cpu_model())},
            {"cpus_allowed", fmt::format("{}", fmt::join(allowed_cpus(), ","))},
            {"kernel", kernel_release()},
            {"mitigations", mitigations_digest()},
            {"governor", or_null(governor())}}},
          {"build", {{"version", build::version}, {"type", build::type}}},
          {"load",
           {{"transport", transport_name(plan.server)},
            {"protocol", plan.http && plan.http->get ? "http GET" : plan.protocol()},
            {"connections", plan.connections},
            {"threads", plan.threads},
            {"cpus", fmt::format("{}", fmt::join(plan.cpus, ","))},
            {"pipeline", plan.pipeline},
            {"payload_bytes", plan.payload_bytes}}}};
}

std::optional<fs::path> ceiling_path() {
  const auto folder = [](const char* variable) -> std::optional<fs::path> {
    const char* value = std::getenv(variable);
    if (value == nullptr || *value != '/') return std::nullopt;
    return value;
  };
  if (const auto cache = folder("XDG_CACHE_HOME"))
    return *cache / "echolab/calibration.json";
  if (const auto home = folder("HOME")) return *home / ".cache/echolab/calibration.json";
  return std::nullopt;
}

std::optional<Ceiling> CeilingFile::find(const json& key) const {
  const std::vector<Entry> entries = read();
  const auto found = std::ranges::find(entries, key, &Entry::key);
  return found == entries.end() ? std::nullopt : std::optional(found->ceiling);
}

void CeilingFile::keep(const json& key, const Ceiling& ceiling) const {
  const Fd lock = lock_folder(path_.parent_path());
  std::vector<Entry> entries = read();
  std::erase_if(entries, [&](const Entry& entry) { return entry.key == key; });
  entries.push_back({key, ceiling});
  if (entries.size() > most_entries)
    entries.erase(entries.begin(), entries.end() - most_entries);
  write(entries);
}

std::vector<CeilingFile::Entry> CeilingFile::read() const try {
  std::error_code error;
  const auto bytes = fs::file_size(path_, error);
  if (error == std::errc::no_such_file_or_directory) return {};
  if (error) throw std::system_error(error);
  if (bytes > most_bytes) throw std::runtime_error("longer than 4 MiB");
  std::ifstream file(path_);
  if (!file) throw std::system_error(errno, std::generic_category());
  const json rows = json::parse(file);
  if (rows.at("schema_version") != 1) throw std::runtime_error("of another version");
  std::vector<Entry> entries;
  for (const json& row : rows.at("entries"))
    entries.push_back({row.at("key"), ceiling_from(row.at("ceiling"))});
  return entries;
} catch (const std::exception& why) {
  fmt::print(stderr, "{}: {}: ignored: {}\n", ::program_invocation_short_name,
             path_.string(), why.what());
  return {};
}

void CeilingFile::write(const std::vector<Entry>& entries) const {
  json rows = json::array();
  for (const Entry& entry : entries)
    rows.push_back({{"key", entry.key}, {"ceiling", ceiling_json(entry.ceiling)}});
  const std::string text = json{{"schema_version", 1}, {"entries", rows}}.dump(1) + '\n';
  const fs::path next = path_.string() + ".new";
  std::ofstream file(next, std::ios::trunc);
  file << text << std::flush;
  if (!file) cannot_keep(next, errno);
  file.close();
  if (std::rename(next.c_str(), path_.c_str()) != 0) cannot_keep(path_, errno);
}

std::optional<Ceiling> known_ceiling(const LoadPlan& plan) {
  const auto path = ceiling_path();
  return path ? CeilingFile(*path).find(ceiling_key(plan)) : std::nullopt;
}

}  // namespace echolab
