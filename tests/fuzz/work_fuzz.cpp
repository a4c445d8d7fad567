// Whatever a peer sends, and however it is cut: exactly the whole frames before the first
// bad one are worked for and answered, in order.

#include "common/work.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace echolab::fuzz {
namespace {

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

/// Returns when the session kept its promises.
void converse_as_it_wants(Input input) {
  const WorkLimits limits{
      .max_frame_bytes = static_cast<std::uint32_t>(input.choose(0, 400)),
      .max_work_us = static_cast<std::uint32_t>(input.choose(0, 0xffff))};
  Memory memory(input.choose(16, 300));
  const Memory stream = input.stream();

  Ledger ledger;
  WorkSession<Recorder> session(memory, limits, Recorder{&ledger});
  const Memory back = converse(session, memory, stream, input);

  const Expected right(stream,
                       std::min<std::size_t>(limits.max_frame_bytes, memory.size()),
                       limits.max_work_us);
  require(std::ranges::equal(back, Bytes(stream).first(right.bytes)),
          "not exactly the good frames were answered");
  require(ledger.frames == right.frames && ledger.work_us == right.work_us,
          "not exactly the work of the good frames was done");
  require(session.done() == right.refused && ledger.refusals == right.refused,
          "refused what is right, or not what is wrong, or twice");
  require(session.input().empty() == right.refused, "what is refused is read on");
}

}  // namespace echolab::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  echolab::fuzz::converse_as_it_wants({bytes, size});
  return 0;
}
