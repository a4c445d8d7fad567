// The agenda says since when a request could have been sent: what the generator missed is
// not charged to the server.

#include "clients/agenda.hpp"

#include <gtest/gtest.h>

namespace echolab {
namespace {

constexpr std::int64_t ms = 1'000'000;

/// An arrival each 10 ms, from 10 ms on; one connection of `depth`, whose slots are free.
Agenda agenda_of(std::size_t depth, OnBusy on_busy = OnBusy::queue) {
  Workload workload;
  workload.arrivals =
      ArrivalPlan{.law = ArrivalPlan::Law::fixed, .rate = 100, .replay = nullptr};
  workload.on_busy = on_busy;
  Agenda agenda(workload, 1, {}, 1, depth);
  agenda.begin(0);
  for (std::size_t slot = 0; slot < depth; ++slot) agenda.freed(0, 0);
  return agenda;
}

struct Drops {
  std::int64_t count = 0;
  std::int64_t late_ns = 0;
};

std::optional<Agenda::Ask> next(Agenda& agenda, std::int64_t now_ns,
                                Drops* drops = nullptr) {
  return agenda.next(
      now_ns, [](std::uint32_t) { return true; },
      [&](std::int64_t, std::int64_t late_ns) {
        if (drops == nullptr) return;
        ++drops->count;
        drops->late_ns += late_ns;
      },
      [] { return std::optional<std::uint32_t>(); });
}

/// The moment of the first arrival: the law's own offset.
std::int64_t first_ns() {
  Agenda agenda = agenda_of(1);
  return agenda.due_ns();
}

void expect(const std::optional<Agenda::Ask>& ask, std::int64_t intended_ns,
            std::int64_t eligible_ns) {
  ASSERT_TRUE(ask.has_value());
  EXPECT_EQ(ask->intended_ns, intended_ns);
  EXPECT_EQ(ask->eligible_ns, eligible_ns);
}

TEST(Agenda, WhoWaitsForASlotWasBlockedWhereItWasLookedForInTime) {
  Agenda agenda = agenda_of(1);
  const std::int64_t first = first_ns();
  expect(next(agenda, first), first, first);
  EXPECT_FALSE(next(agenda, first + 10 * ms).has_value());  // seen, and no slot
  agenda.freed(0, first + 35 * ms);
  expect(next(agenda, first + 35 * ms), first + 10 * ms, first + 35 * ms);
  agenda.freed(0, first + 36 * ms);
  expect(next(agenda, first + 36 * ms), first + 20 * ms, first + 36 * ms);
}

TEST(Agenda, WhoFindsASlotTakenByALateBurstWaitedForTheGeneratorFirst) {
  Agenda agenda = agenda_of(1);
  const std::int64_t first = first_ns();
  const std::int64_t woke = first + 100 * ms;  // 100 ms late: the slot was free meanwhile
  expect(next(agenda, woke), first, first);
  agenda.freed(0, woke + 2 * ms);
  // It was due 90 ms before anybody looked: only the 2 ms are the server's.
  expect(next(agenda, woke + 2 * ms), first + 10 * ms, first + 10 * ms + 2 * ms);
  agenda.freed(0, woke + 4 * ms);
  expect(next(agenda, woke + 4 * ms), first + 20 * ms, first + 20 * ms + 4 * ms);
}

TEST(Agenda, WhoFindsASlotThatWasFreeAllTheTimeIsLateAndNotBlocked) {
  Agenda agenda = agenda_of(2);
  const std::int64_t first = first_ns();
  expect(next(agenda, first + 100 * ms), first, first);
  expect(next(agenda, first + 100 * ms), first + 10 * ms, first + 10 * ms);
}

TEST(Agenda, WhoComesAfterALatenessIsBlockedByTheServer) {
  Agenda agenda = agenda_of(1);
  const std::int64_t first = first_ns();
  expect(next(agenda, first + 5 * ms), first, first);
  agenda.freed(0, first + 30 * ms);
  expect(next(agenda, first + 30 * ms), first + 10 * ms, first + 30 * ms);
}

TEST(Agenda, AGeneratorThatSleptTooLongWasLateWhateverTheSlotsWere) {
  Agenda agenda = agenda_of(1);
  const std::int64_t first = first_ns();
  expect(next(agenda, first), first, first);
  agenda.was_late(first + 1 * ms, first + 41 * ms);
  agenda.freed(0,
               first + 41 * ms);  // its reply was there long ago, for all that is known
  expect(next(agenda, first + 41 * ms), first + 10 * ms, first + 10 * ms);
}

TEST(Agenda, AShortLatenessDoesNotHideALongOneThatStillConcernsSomebody) {
  Agenda agenda = agenda_of(1);
  const std::int64_t first = first_ns();
  const std::int64_t woke = first + 100 * ms;
  expect(next(agenda, woke), first, first);
  agenda.was_late(woke + 1 * ms, woke + 2 * ms);
  agenda.freed(0, woke + 2 * ms);
  expect(next(agenda, woke + 2 * ms), first + 10 * ms, first + 12 * ms);
}

TEST(Agenda, SaysOfWhatItDropsHowLateItWas) {
  Agenda agenda = agenda_of(1, OnBusy::drop);
  const std::int64_t first = first_ns();
  Drops drops;
  EXPECT_TRUE(next(agenda, first, &drops).has_value());
  EXPECT_FALSE(next(agenda, first + 10 * ms, &drops).has_value());
  EXPECT_EQ(drops.count, 1);
  EXPECT_EQ(drops.late_ns, 0) << "in time";
  agenda.was_late(first + 15 * ms, first + 45 * ms);
  EXPECT_FALSE(next(agenda, first + 45 * ms, &drops).has_value());
  EXPECT_EQ(drops.count, 4);
  EXPECT_EQ(drops.late_ns, (25 + 15 + 5) * ms);
}

}  // namespace
}  // namespace echolab
