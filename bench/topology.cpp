#include "bench/topology.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "common/program.hpp"

namespace echolab {
namespace {

bool has(const std::vector<int>& cpus, int cpu) {
  return std::ranges::find(cpus, cpu) != cpus.end();
}

std::optional<int> whole_number(std::string_view text) {
  int number = -1;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || rest != end) return std::nullopt;
  return number;
}

std::optional<std::vector<int>> cpus_in(const MachineFiles& files,
                                        const std::string& path) {
  const auto line = files.line(path);
  return line ? parse_cpu_list(*line) : std::nullopt;
}

/// Itself and its siblings, allowed or not. Empty where the kernel does not tell: before
/// Linux 5.4 the file had its other name.
std::optional<std::vector<int>> siblings_of(int cpu, const MachineFiles& files) {
  const std::string folder = fmt::format("/sys/devices/system/cpu/cpu{}/topology/", cpu);
  for (const char* name : {"core_cpus_list", "thread_siblings_list"})
    if (auto siblings = cpus_in(files, folder + name); siblings && has(*siblings, cpu))
      return siblings;
  return std::nullopt;
}

/// By CPU; a machine without nodes has none.
std::map<int, int> nodes_by_cpu(const MachineFiles& files) {
  std::map<int, int> nodes;
  const std::string folder = "/sys/devices/system/node/";
  for (const int node : cpus_in(files, folder + "online").value_or(std::vector<int>{}))
    for (const int cpu : cpus_in(files, fmt::format("{}node{}/cpulist", folder, node))
                             .value_or(std::vector<int>{}))
      nodes[cpu] = node;
  return nodes;
}

std::vector<int> cpus_of(const std::vector<Core>& cores, std::size_t begin,
                         std::size_t end) {
  std::vector<int> cpus;
  for (std::size_t i = begin; i < end; ++i)
    cpus.insert(cpus.end(), cores[i].cpus.begin(), cores[i].cpus.end());
  std::ranges::sort(cpus);
  return cpus;
}

bool touches(const Core& core, const std::vector<int>& cpus) {
  return std::ranges::any_of(core.cpus, [&](int cpu) { return has(cpus, cpu); });
}

Placement::End end_of(const std::vector<int>& cpus, const Topology& topology) {
  Placement::End end;
  std::set<int> nodes;
  std::set<int> strange(cpus.begin(), cpus.end());  // of no core: each is one
  end.cpus.assign(strange.begin(), strange.end());
  for (const Core& core : topology.cores) {
    if (!touches(core, cpus)) continue;
    ++end.cores;
    nodes.insert(core.node);
    for (const int cpu : core.cpus) strange.erase(cpu);
  }
  end.cores += strange.size();
  end.nodes.assign(nodes.begin(), nodes.end());
  return end;
}

std::string counted(std::size_t n, std::string_view noun) {
  return fmt::format("{} {}{}", n, noun, n == 1 ? "" : "s");
}

std::string end_text(const Placement::End& end) {
  return fmt::format("on CPU{} {} ({})", end.cpus.size() == 1 ? "" : "s",
                     cpu_list(end.cpus), counted(end.cores, "core"));
}

}  // namespace

bool Topology::has_siblings() const {
  return std::ranges::any_of(cores,
                             [](const Core& core) { return core.cpus.size() > 1; });
}

Topology topology_of(const std::vector<int>& allowed, const MachineFiles& files) {
  Topology topology;
  const auto nodes = nodes_by_cpu(files);
  std::map<int, Core> by_first;  // of all siblings
  for (const int cpu : allowed) {
    const auto siblings = siblings_of(cpu, files);
    const auto package = files.line(
        fmt::format("/sys/devices/system/cpu/cpu{}/topology/physical_package_id", cpu));
    if (!siblings) topology.is_known = false;
    Core& core = by_first[siblings ? siblings->front() : cpu];
    core.cpus.push_back(cpu);
    core.package = whole_number(package.value_or("")).value_or(0);
    const auto node = nodes.find(cpu);
    core.node = node == nodes.end() ? 0 : node->second;
  }
  for (auto& [first, core] : by_first) {
    std::ranges::sort(core.cpus);
    topology.cores.push_back(std::move(core));
  }
  std::ranges::sort(topology.cores, {}, [](const Core& core) {
    return std::tuple(core.node, core.package, core.cpus.front());
  });
  return topology;
}

Sides halves_of(const Topology& topology) {
  const std::vector<Core>& cores = topology.cores;
  if (cores.empty()) return {};
  if (cores.size() == 1) {
    const std::vector<int>& cpus = cores.front().cpus;
    if (cpus.size() == 1) return {cpus, cpus};
    const auto half = cpus.begin() + static_cast<std::ptrdiff_t>(cpus.size() / 2);
    return {{cpus.begin(), half}, {half, cpus.end()}};
  }
  const auto is_border = [&](std::size_t i) {
    return cores[i - 1].node != cores[i].node || cores[i - 1].package != cores[i].package;
  };
  std::size_t half = cores.size() / 2;
  if (cores.size() % 2 == 1 && !is_border(half) && is_border(half + 1)) ++half;
  return {cpus_of(cores, 0, half), cpus_of(cores, half, cores.size())};
}

std::vector<int> beside(const Topology& topology, const std::vector<int>& own_half,
                        const std::vector<int>& taken) {
  std::vector<int> untouched;
  std::vector<int> free;
  bool is_own_half_free = true;
  for (const Core& core : topology.cores) {
    const bool is_taken = touches(core, taken);
    if (is_taken && touches(core, own_half)) is_own_half_free = false;
    for (const int cpu : core.cpus) {
      if (!is_taken) untouched.push_back(cpu);
      if (!has(taken, cpu)) free.push_back(cpu);
    }
  }
  if (is_own_half_free) return own_half;
  auto rest = !untouched.empty() ? untouched : !free.empty() ? free : taken;
  std::ranges::sort(rest);
  return rest;
}

std::optional<std::vector<int>> parse_cpu_list(std::string_view text) {
  std::set<int> cpus;
  for (const std::string& part : split(trimmed(text))) {
    const std::size_t dash = part.find('-');
    const std::string_view whole = part;
    const auto first = whole_number(whole.substr(0, dash));
    const auto last = dash == part.npos ? first : whole_number(whole.substr(dash + 1));
    constexpr int most = 1 << 20;
    if (!first || !last || *first < 0 || *first > *last || *last > most)
      return std::nullopt;
    for (int cpu = *first; cpu <= *last; ++cpu) cpus.insert(cpu);
  }
  if (cpus.empty()) return std::nullopt;
  return std::vector<int>(cpus.begin(), cpus.end());
}

std::string cpu_list(std::vector<int> cpus) {
  std::ranges::sort(cpus);
  std::string text;
  for (std::size_t i = 0; i < cpus.size();) {
    std::size_t last = i;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
    text += fmt::format("{}{}", text.empty() ? "" : ",", cpus[i]);
    if (last > i) text += fmt::format("-{}", cpus[last]);
    i = last + 1;
  }
  return text;
}

Placement placement_of(const Sides& sides, const Topology& topology) {
  Placement placement;
  placement.is_known = topology.is_known;
  placement.server = end_of(sides.server, topology);
  placement.client = end_of(sides.client, topology);
  for (const int cpu : sides.server)
    if (has(sides.client, cpu)) placement.shared_cpus.push_back(cpu);
  for (const Core& core : topology.cores) {
    placement.cores.push_back(core.cpus);
    const auto is_beside = [&](int cpu) {  // another sibling is the client's
      return std::ranges::any_of(core.cpus, [&](int other) {
        return other != cpu && has(sides.server, cpu) && has(sides.client, other);
      });
    };
    if (std::ranges::any_of(core.cpus, is_beside))
      placement.shared_cores.push_back(core.cpus);
  }
  return placement;
}

std::string placement_text(const Placement& placement) {
  const Placement::End& server = placement.server;
  const Placement::End& client = placement.client;
  if (server.cpus.empty() || client.cpus.empty()) return "";
  std::string text =
      fmt::format("server {}, client {}; ", end_text(server), end_text(client));
  if (const auto& cpus = placement.shared_cpus; !cpus.empty())
    text += fmt::format("both on CPU{} {}", cpus.size() == 1 ? "" : "s", cpu_list(cpus));
  else if (!placement.is_known)
    text += "which of them are siblings of one core is not known";
  else if (placement.shared_cores.empty())
    text += "no core is shared";
  else
    text += counted(placement.shared_cores.size(), "core") + " shared by siblings";
  if (server.nodes != client.nodes)
    text += fmt::format("; memory nodes {} and {}", cpu_list(server.nodes),
                        cpu_list(client.nodes));
  return text;
}

nlohmann::json placement_json(const Placement& placement) {
  const auto end = [](const Placement::End& one) -> nlohmann::json {
    return {{"cpus", one.cpus}, {"cores", one.cores}, {"nodes", one.nodes}};
  };
  nlohmann::json siblings;  // null: not known
  if (placement.is_known) siblings = !placement.shared_cores.empty();
  return {{"server", end(placement.server)},
          {"client", end(placement.client)},
          {"shared_cpus", placement.shared_cpus},
          {"siblings_shared", siblings}};
}

}  // namespace echolab
