// What all CPUs did is read as proc_stat(5) says, and this program's part is known.

#include "bench/machine_use.hpp"

#include <gtest/gtest.h>

#include <ctime>
#include <sstream>

namespace echolab {
namespace {

std::optional<double> busy_in(const std::string& line) {
  std::istringstream stat(line);
  return busy_ticks_in(stat);
}

TEST(MachineUse, is_what_was_neither_idle_nor_stolen_and_guests_count_once) {
  // user nice system idle iowait irq softirq steal guest guest_nice
  EXPECT_EQ(busy_in("cpu  1 20 300 4000 50000 600000 7000000 8e7 9e8 1e9\ncpu0 9 9 9"),
            1 + 20 + 300 + 600000 + 7000000);
  EXPECT_EQ(busy_in(""), std::nullopt);
  EXPECT_EQ(busy_in("cpu 1 2 3"), std::nullopt);
  EXPECT_EQ(busy_in("intr 1 2 3 4 5 6 7 8"), std::nullopt);
}

TEST(MachineUse, grows_by_what_this_program_computes) {
  const MachineUse before = machine_use();
  ASSERT_TRUE(before.busy_seconds);
  while (static_cast<double>(std::clock()) / CLOCKS_PER_SEC < before.own_seconds + 0.3) {
  }
  const MachineUse after = machine_use();
  EXPECT_GE(after.own_seconds - before.own_seconds, 0.25);
  EXPECT_GE(*after.busy_seconds - *before.busy_seconds, 0.1);  // in ticks of 10 ms
  EXPECT_NEAR(after.own_cores(before) / *after.busy_cores(before),
              (after.own_seconds - before.own_seconds) /
                  (*after.busy_seconds - *before.busy_seconds),
              1e-9);
}

TEST(MachineUse, is_not_told_where_one_end_is_not) {
  MachineUse before;
  MachineUse after;
  after.busy_seconds = 1;
  EXPECT_EQ(after.busy_cores(before), std::nullopt);
}

}  // namespace
}  // namespace echolab
