// Whatever a peer sends, and however it is cut, comes back.

#include "common/echo.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace echolab;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  FuzzedDataProvider data(bytes, size);
  fuzz::Memory memory(data.ConsumeIntegralInRange<std::size_t>(1, 100));
  const std::size_t length =
      data.ConsumeIntegralInRange<std::size_t>(0, data.remaining_bytes());
  const auto stream = data.ConsumeBytes<std::byte>(length);
  EchoSession session(memory);
  fuzz::require(fuzz::converse(session, memory, stream, data) == stream,
                "the echo is not what was sent");
  return 0;
}
