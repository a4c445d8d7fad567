#include "tests/promises.hpp"

#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>

#include "common/error.hpp"

namespace echolab::tests {
namespace {

using namespace std::chrono_literals;

/// Why there is no IPv6 here, if there is none.
std::optional<std::string> no_ipv6() {
  try {
    const Listener probe(Endpoint::parse("tcp://[::1]:0"));
    return std::nullopt;
  } catch (const Failure& failure) {
    return failure.what();
  }
}

/// Why `model` is not available here, in its own words. Asked once per model.
std::optional<std::string> unavailable(const Model& model) {
  static std::map<std::string_view, std::optional<std::string>> known;
  const auto [row, is_new] = known.try_emplace(model.name);
  if (is_new) {
    ServerProcess probe(model.name, "tcp://127.0.0.1:0");
    if (!probe.ready() &&
        probe.wait_for_exit() == static_cast<int>(ExitCode::unavailable))
      row->second = probe.log();
  }
  return row->second;
}

/// What adapts is slow to shrink, so that it need not grow again at once.
std::size_t to_spare(const Model& model) {
  return model.axes.growth == "adaptive" ? 1 : 0;
}

std::vector<Case> models_of(std::string_view kind, Transports transports,
                            bool (*applies)(const Model&)) {
  std::vector<Case> cases;
  for (const Model& model : models())
    if (model.transports.find(kind) != model.transports.npos && applies(model))
      for (const std::string_view transport : transports)
        cases.push_back({&model, transport});
  return cases;
}

}  // namespace

std::size_t served_at_once(const Model& model) {
  if (model.serves_at_once() == "1") return 1;
  return model.serves_at_once() == "workers" ? workers
                                             : std::numeric_limits<std::size_t>::max();
}

bool waits_busily(const Model& model) {
  return model.axes.readiness == "busy";
}

bool grows_with_clients(const Model& model) {
  return model.axes.growth == "per_client" &&
         (model.axes.unit == "process" || model.axes.unit == "thread");
}

bool waits_for_many(const Model& model) {
  return model.axes.readiness != "blocking";
}

bool has_worker_processes(const Model& model) {
  return model.census(workers, workers).processes > 1;
}

bool may_starve_alone(const Model& model) {
  const bool loops_share_a_queue = model.axes.accepts == "each" && waits_for_many(model);
  return model.axes.unit == "process" &&
         (grows_with_clients(model) || model.axes.accepts == "passed" ||
          loops_share_a_queue);
}

std::ostream& operator<<(std::ostream& out, const Case& where) {
  return out << where.model->name << " over " << where.transport;
}

std::string name_of(const ::testing::TestParamInfo<Case>& info) {
  return std::string(info.param.model->name) + "_" + std::string(info.param.transport);
}

std::vector<Case> stream_models(Transports transports, bool (*applies)(const Model&)) {
  return models_of("stream", transports, applies);
}

std::vector<Case> datagram_models(Transports transports, bool (*applies)(const Model&)) {
  return models_of("datagram", transports, applies);
}

const std::string& more_than_buffers_hold() {
  static const std::string bytes = random_bytes(32 << 20);
  return bytes;
}

Folder::Folder() {
  std::string name =
      (std::filesystem::temp_directory_path() / "echolab_test_XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp: " + name);
  path_ = name;
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string Folder::path(std::string_view name) const {
  return path_ + "/" + std::string(name);
}

void Promise::SetUp() {
  if (GetParam().transport.ends_with('6'))
    if (const auto why = no_ipv6()) GTEST_SKIP() << *why;
  if (const auto why = unavailable(model())) GTEST_SKIP() << *why;
}

std::string Promise::endpoint() const {
  if (GetParam().transport == "unix") return "unix://" + folder_.path("echo.sock");
  if (GetParam().transport == "unixgram")
    return "unixgram://" + folder_.path("echo.sock");
  if (GetParam().transport == "udp4") return "udp://127.0.0.1:0";
  if (GetParam().transport == "udp6") return "udp://[::1]:0";
  return GetParam().transport == "tcp6" ? "tcp://[::1]:0" : "tcp://127.0.0.1:0";
}

std::unique_ptr<ServerProcess> Promise::start(StartOptions options) const {
  options.flags.insert(options.flags.end(), {"--workers", std::to_string(workers)});
  if (std::ranges::find(options.flags, "--drain-timeout") == options.flags.end())
    options.flags.insert(options.flags.end(), {"--drain-timeout", "10m"});
  auto server = std::make_unique<ServerProcess>(model().name, endpoint(), options);
  if (!server->ready()) throw std::runtime_error("no server: " + server->log());
  return server;
}

std::unique_ptr<ServerProcess> Promise::start(std::vector<std::string> flags) const {
  return start(StartOptions{.flags = std::move(flags)});
}

std::vector<PlainClient> Promise::hold(const ServerProcess& server, std::size_t wanted) {
  std::vector<PlainClient> held;
  while (held.size() < std::min(wanted, served_at_once(model()))) {
    PlainClient& client = held.emplace_back(server.endpoint());
    EXPECT_EQ(client.ask("I stay"), Answer::echoed) << "client " << held.size();
  }
  return held;
}

ProcessTree settled(const ServerProcess& server) {
  ProcessTree last = server.tree();
  EXPECT_TRUE(eventually([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const ProcessTree before = std::exchange(last, server.tree());
    return last.pids == before.pids && last.threads == before.threads &&
           last.descriptors == before.descriptors && last.zombies == 0;
  }));
  return last;
}

bool comes_back_to(const ProcessTree& before, const Model& model,
                   const ServerProcess& server) {
  const std::size_t spare = to_spare(model);
  const std::size_t processes = before.pids.size();
  return eventually([&] {
    const ProcessTree now = server.tree();
    return now.pids.size() <= processes + spare &&
           now.threads <= before.threads * (processes + spare) / processes &&
           now.descriptors <= before.descriptors * (processes + spare) / processes &&
           now.zombies == 0;
  });
}

bool census_comes_true(const Model& model, std::size_t clients,
                       const ServerProcess& server) {
  const Census census = model.census(clients, workers);
  const std::size_t spare = to_spare(model);
  const auto is = [&](std::size_t seen, std::size_t said) {
    return seen >= said && seen <= said + spare;
  };
  return eventually([&] {
    const ProcessTree tree = server.tree();
#ifdef ECHOLAB_TSAN
    return is(tree.pids.size(), census.processes);  // TSan has threads of its own
#else
    return is(tree.pids.size(), census.processes) && is(tree.threads, census.threads);
#endif
  });
}

std::string counts(const ProcessTree& tree) {
  return std::to_string(tree.pids.size()) + " processes, " +
         std::to_string(tree.threads) + " threads, " + std::to_string(tree.descriptors) +
         " descriptors, " + std::to_string(tree.zombies) + " zombies";
}

std::vector<PlainClient> connect_clients(const ServerProcess& server,
                                         std::size_t number) {
  std::vector<PlainClient> clients;
  for (std::size_t i = 0; i < number; ++i) clients.emplace_back(server.endpoint());
  return clients;
}

std::size_t count_served(std::vector<PlainClient>& clients) {
  for (auto& client : clients) client.send("me?");
  const auto deadline = std::chrono::steady_clock::now() + 100ms;
  return static_cast<std::size_t>(std::ranges::count_if(clients, [&](auto& client) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    return client.await("me?", std::max(left, 1ms)) == Answer::echoed;
  }));
}

bool all_served(std::vector<PlainClient>& clients) {
  return std::ranges::all_of(clients, [](PlainClient& client) {
    return client.ask("still here") == Answer::echoed;
  });
}

bool comes_to_rest(const ServerProcess& server) {
  constexpr std::chrono::milliseconds look{100};
  constexpr auto next_to_none = look / 20;  // a loop that spins takes all of it
  return eventually(
      [&] {
        const Nanoseconds before = server.tree().cpu;
        std::this_thread::sleep_for(look);
        return server.tree().cpu - before < next_to_none;
      },
      look * 15 * slowness);
}

bool says(const ServerProcess& server, std::string_view text) {
  return eventually([&] { return server.log().find(text) != std::string::npos; });
}

void expect_clean_stop(ServerProcess& server) {
  EXPECT_EQ(server.stop(), 0) << server.log();
  const std::string log = server.log();
  EXPECT_EQ(log.find("Sanitizer"), log.npos) << log;
  EXPECT_EQ(log.find("runtime error:"), log.npos) << log;
}

}  // namespace echolab::tests
