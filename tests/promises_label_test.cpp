// Promises about what a label says beyond its census: what is there in one look at the
// running server.

#include <fstream>

#include "tests/promises.hpp"

namespace echolab::tests {
namespace {

class LabelPromise : public Promise {};

/// Mappings that can be written and have an inaccessible one right below: a stack that
/// grows down into its guard page looks so (proc(5), maps).
std::size_t guarded_stacks(const ServerProcess& server) {
  std::ifstream maps("/proc/" + std::to_string(server.model_pid()) + "/maps");
  std::size_t stacks = 0;
  std::string guard_end;
  for (std::string line; std::getline(maps, line);) {
    const std::size_t dash = line.find('-');
    const std::size_t blank = line.find(' ');
    const std::string begin = line.substr(0, dash);
    const std::string rights = line.substr(blank + 1, 4);
    if (rights == "rw-p" && begin == guard_end) ++stacks;
    guard_end = rights == "---p" ? line.substr(dash + 1, blank - dash - 1) : "";
  }
  return stacks;
}

bool has_fibers(const Model& model) {
  return model.axes.unit == "fiber";
}

TEST_P(LabelPromise, FiberHasMoreStacksThanThreads) {
  const auto server = start();
  { const auto warm = hold(*server, workers); }
  const ProcessTree before = settled(*server);
  const std::size_t stacks_before = guarded_stacks(*server);
  auto held = hold(*server, 40);
  EXPECT_EQ(server->tree().threads, before.threads);
  EXPECT_GT(guarded_stacks(*server), server->tree().threads);
  EXPECT_GE(guarded_stacks(*server), stacks_before + held.size());
  held.clear();
#ifndef ECHOLAB_TSAN  // TSan's own record of a fiber looks so, too, and stays
  EXPECT_TRUE(eventually([&] { return guarded_stacks(*server) <= stacks_before; }));
#endif
  expect_clean_stop(*server);
}

INSTANTIATE_TEST_SUITE_P(Models, LabelPromise,
                         ::testing::ValuesIn(stream_models({"tcp4"}, has_fibers)),
                         name_of);

}  // namespace
}  // namespace echolab::tests
