// Whatever a peer sends, and however it is cut: exactly the whole frames before the first
// bad one are worked for and answered, in order.

#include "common/work.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace echolab;

struct Ledger {
  std::uint64_t frames = 0;
  std::uint64_t work_us = 0;
  std::uint64_t refusals = 0;
};

struct Recorder {
  Ledger* ledger;

  void compute(Labour::Time time) const {
    ++ledger->frames;
    ledger->work_us += static_cast<std::uint64_t>(time.count());
  }
  void block(Labour::Time time) const {
    ledger->work_us += static_cast<std::uint64_t>(time.count());
  }
  void refused(const Refusal&) const { ++ledger->refusals; }
};

std::uint64_t number(Bytes bytes, std::size_t at) {
  std::uint64_t number = 0;
  for (std::size_t i = at; i < at + 4; ++i)
    number = number * 256 + std::to_integer<std::uint64_t>(bytes[i]);
  return number;
}

/// What the protocol says about `stream`, written down a second time and more simply.
struct Expected {
  Expected(Bytes stream, std::uint64_t max_frame, std::uint64_t max_work) {
    for (Bytes rest = stream; rest.size() >= 4;) {
      if (number(rest, 0) != 0x454c5731) refused = true;
      if (rest.size() >= 8 && number(rest, 4) + 16 > max_frame) refused = true;
      if (rest.size() < 16 || refused) return;
      const std::uint64_t asked = number(rest, 8) + number(rest, 12);
      if (asked > max_work) refused = true;
      const std::uint64_t size = number(rest, 4) + 16;
      if (size > rest.size() || refused) return;
      ++frames;
      work_us += asked;
      bytes += size;
      rest = rest.subspan(size);
    }
  }
  std::uint64_t frames = 0;
  std::uint64_t work_us = 0;
  std::size_t bytes = 0;  ///< of the stream, answered
  bool refused = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  FuzzedDataProvider data(bytes, size);
  const WorkLimits limits{.max_frame_bytes = data.ConsumeIntegral<std::uint16_t>(),
                          .max_work_us = data.ConsumeIntegral<std::uint16_t>()};
  fuzz::Memory memory(data.ConsumeIntegralInRange<std::size_t>(16, 300));
  const std::size_t length =
      data.ConsumeIntegralInRange<std::size_t>(0, data.remaining_bytes());
  const auto stream = data.ConsumeBytes<std::byte>(length);

  Ledger ledger;
  WorkSession<Recorder> session(memory, limits, Recorder{&ledger});
  const fuzz::Memory back = fuzz::converse(session, memory, stream, data);

  const Expected right(stream,
                       std::min<std::uint64_t>(limits.max_frame_bytes, memory.size()),
                       limits.max_work_us);
  fuzz::require(std::ranges::equal(back, Bytes(stream).first(right.bytes)),
                "not exactly the good frames were answered");
  fuzz::require(ledger.frames == right.frames && ledger.work_us == right.work_us,
                "not exactly the work of the good frames was done");
  fuzz::require(session.done() == right.refused && ledger.refusals == right.refused,
                "refused what is right, or not what is wrong, or twice");
  return 0;
}
