// However a machine numbers its CPUs, no core is on both sides where there are two.

#include "bench/topology.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

namespace echolab {
namespace {

using Cpus = std::vector<int>;
using Siblings = std::vector<Cpus>;

struct Numbering {
  Siblings cores;
  std::map<int, int> packages{};  ///< by core
  const char* file = "core_cpus_list";

  /// A node of memory for each package.
  [[nodiscard]] MachineFiles files() const {
    std::map<std::string, std::string> found;
    std::map<int, Cpus> nodes;
    for (std::size_t i = 0; i < cores.size(); ++i) {
      const auto package = packages.find(static_cast<int>(i));
      const int number = package == packages.end() ? 0 : package->second;
      for (const int cpu : cores[i]) {
        const auto folder = fmt::format("/sys/devices/system/cpu/cpu{}/topology/", cpu);
        found[folder + file] = cpu_list(cores[i]) + "\n";
        found[folder + "physical_package_id"] = fmt::format("{}\n", number);
        nodes[number].push_back(cpu);
      }
    }
    Cpus online;
    for (const auto& [node, cpus] : nodes) {
      found[fmt::format("/sys/devices/system/node/node{}/cpulist", node)] =
          cpu_list(cpus) + "\n";
      online.push_back(node);
    }
    found["/sys/devices/system/node/online"] = cpu_list(online) + "\n";
    return made_of(found);
  }
};

Cpus first(int n) {
  Cpus cpus(static_cast<std::size_t>(n));
  std::iota(cpus.begin(), cpus.end(), 0);
  return cpus;
}

const Numbering adjacent{{{0, 1}, {2, 3}, {4, 5}, {6, 7}}};
const Numbering half_apart{{{0, 4}, {1, 5}, {2, 6}, {3, 7}}};
const Numbering without_smt{{{0}, {1}, {2}, {3}}};
const Numbering two_packages{{{0, 4}, {1, 5}, {2, 6}, {3, 7}},
                             {{0, 0}, {1, 1}, {2, 0}, {3, 1}}};

Sides halves(const Numbering& numbering, const Cpus& allowed) {
  return halves_of(topology_of(allowed, numbering.files()));
}

TEST(Halves, keep_siblings_together_that_are_numbered_side_by_side) {
  const Sides sides = halves(adjacent, first(8));
  EXPECT_EQ(sides.server, (Cpus{0, 1, 2, 3}));
  EXPECT_EQ(sides.client, (Cpus{4, 5, 6, 7}));
}

TEST(Halves, keep_siblings_together_that_are_numbered_half_of_all_apart) {
  const Sides sides = halves(half_apart, first(8));
  EXPECT_EQ(sides.server, (Cpus{0, 1, 4, 5}));
  EXPECT_EQ(sides.client, (Cpus{2, 3, 6, 7}));
}

TEST(Halves, part_cores_without_siblings_and_give_the_client_the_odd_one) {
  const Sides sides = halves(without_smt, first(3));
  EXPECT_EQ(sides.server, (Cpus{0}));
  EXPECT_EQ(sides.client, (Cpus{1, 2}));
}

TEST(Halves, keep_siblings_together_of_what_is_allowed) {
  const Sides sides = halves(half_apart, {0, 2, 3, 5, 6});
  EXPECT_EQ(sides.server, (Cpus{0, 2, 6}));
  EXPECT_EQ(sides.client, (Cpus{3, 5}));
}

TEST(Halves, are_those_of_the_numbers_where_the_kernel_tells_nothing) {
  const Topology topology = topology_of(first(4), made_of({}));
  EXPECT_FALSE(topology.is_known);
  const Sides sides = halves_of(topology);
  EXPECT_EQ(sides.server, (Cpus{0, 1}));
  EXPECT_EQ(sides.client, (Cpus{2, 3}));
}

TEST(Halves, lie_on_a_package_each) {
  const Sides sides = halves(two_packages, first(8));
  EXPECT_EQ(sides.server, (Cpus{0, 2, 4, 6}));
  EXPECT_EQ(sides.client, (Cpus{1, 3, 5, 7}));
  const Sides odd = halves({without_smt.cores, {{3, 1}, {2, 1}}}, {0, 1, 2});
  EXPECT_EQ(odd.server, (Cpus{0, 1})) << "the border is there";
  EXPECT_EQ(odd.client, (Cpus{2}));
}

TEST(Halves, part_the_siblings_of_a_lone_core_and_share_a_lone_cpu) {
  const Sides sides = halves({{{0, 1}}}, {0, 1});
  EXPECT_EQ(sides.server, (Cpus{0}));
  EXPECT_EQ(sides.client, (Cpus{1}));
  const Sides lone = halves(without_smt, {2});
  EXPECT_EQ(lone.server, (Cpus{2}));
  EXPECT_EQ(lone.client, (Cpus{2}));
}

TEST(Halves, never_share_a_core_whatever_is_allowed) {
  for (const Numbering& numbering : {adjacent, half_apart, two_packages})
    for (unsigned mask = 1; mask < 256; ++mask) {
      Cpus allowed;
      for (int cpu = 0; cpu < 8; ++cpu)
        if ((mask >> cpu & 1) != 0) allowed.push_back(cpu);
      const Topology topology = topology_of(allowed, numbering.files());
      const Sides sides = halves_of(topology);
      const Placement placement = placement_of(sides, topology);
      Cpus all = sides.server;
      all.insert(all.end(), sides.client.begin(), sides.client.end());
      std::ranges::sort(all);
      if (topology.cores.size() > 1) {
        EXPECT_EQ(all, allowed);
        EXPECT_TRUE(placement.shared_cores.empty() && placement.shared_cpus.empty())
            << cpu_list(allowed);
        EXPECT_LE(placement.client.cores - placement.server.cores + 1, 2U);
      }
    }
}

TEST(Topology, is_told_by_older_kernels_too) {
  Numbering old = half_apart;
  old.file = "thread_siblings_list";
  const Topology topology = topology_of(first(8), old.files());
  EXPECT_TRUE(topology.is_known && topology.has_siblings());
  EXPECT_EQ(topology.cores.size(), 4U);
}

TEST(Topology, does_not_believe_a_cpu_that_is_not_its_own_sibling) {
  const auto files =
      made_of({{"/sys/devices/system/cpu/cpu0/topology/core_cpus_list", "4-5\n"},
               {"/sys/devices/system/cpu/cpu1/topology/core_cpus_list", "1\n"}});
  const Topology topology = topology_of({0, 1}, files);
  EXPECT_FALSE(topology.is_known);
  EXPECT_EQ(topology.cores.size(), 2U);
}

TEST(Beside, is_the_own_half_where_that_is_free_and_else_what_is_left) {
  const Topology topology = topology_of(first(8), half_apart.files());
  const Sides sides = halves_of(topology);
  const auto client = [&](const Cpus& server) {
    return beside(topology, sides.client, server);
  };
  EXPECT_EQ(client({0}), sides.client);
  EXPECT_EQ(client({2}), (Cpus{0, 1, 3, 4, 5, 7})) << "no sibling of 2";
  EXPECT_EQ(client({0, 1, 2, 3}), (Cpus{4, 5, 6, 7})) << "siblings, for want of cores";
  EXPECT_EQ(client(first(8)), first(8));
}

TEST(Placement, says_what_is_shared) {
  const Topology topology = topology_of(first(8), half_apart.files());
  const Placement parted = placement_of(halves_of(topology), topology);
  EXPECT_EQ(placement_text(parted),
            "server on CPUs 0-1,4-5 (2 cores), client on CPUs 2-3,6-7 (2 cores); no core "
            "is shared");
  const Placement siblings = placement_of({{0, 1}, {4}}, topology);
  EXPECT_EQ(siblings.shared_cores, (Siblings{{0, 4}}));
  EXPECT_TRUE(siblings.shared_cpus.empty());
  EXPECT_TRUE(placement_text(siblings).ends_with("; 1 core shared by siblings"));
  EXPECT_TRUE(placement_json(siblings)["siblings_shared"].get<bool>());
  const Placement same = placement_of({{0, 1}, {1, 2}}, topology);
  EXPECT_EQ(same.shared_cpus, (Cpus{1}));
  EXPECT_TRUE(same.shared_cores.empty());
  EXPECT_TRUE(placement_text(same).ends_with("; both on CPU 1"));
  const Topology unknown = topology_of(first(2), made_of({}));
  const Placement untold = placement_of(halves_of(unknown), unknown);
  EXPECT_TRUE(placement_json(untold)["siblings_shared"].is_null());
  EXPECT_NE(placement_text(untold).find("not known"), std::string::npos);
  EXPECT_EQ(placement_text({}), "");
}

TEST(Placement, says_where_the_ends_are_on_unlike_nodes) {
  const Topology topology = topology_of(first(8), two_packages.files());
  const Placement placement = placement_of(halves_of(topology), topology);
  EXPECT_EQ(placement.server.nodes, (Cpus{0}));
  EXPECT_EQ(placement.client.nodes, (Cpus{1}));
  EXPECT_TRUE(placement_text(placement).ends_with("; memory nodes 0 and 1"));
}

TEST(CpuList, is_read_and_written_as_the_kernel_does) {
  EXPECT_EQ(parse_cpu_list("0-2,8\n"), (Cpus{0, 1, 2, 8}));
  EXPECT_EQ(parse_cpu_list("8,0"), (Cpus{0, 8}));
  for (const char* none : {"", "\n", "a", "3-1", "0-", "-1", "0;1", "0-9999999"})
    EXPECT_FALSE(parse_cpu_list(none)) << none;
  for (const char* list : {"0", "0-2,8", "1,3,5-6"})
    EXPECT_EQ(cpu_list(*parse_cpu_list(list)), list);
}

}  // namespace
}  // namespace echolab
