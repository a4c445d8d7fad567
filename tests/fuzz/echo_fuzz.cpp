// Whatever a peer sends, and however it is cut, comes back.

#include "common/echo.hpp"

#include "tests/fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  namespace fuzz = echolab::fuzz;
  fuzz::Input input(bytes, size);
  fuzz::Memory memory(input.choose(1, 100));
  const fuzz::Memory stream = input.stream();
  echolab::EchoSession session(memory);
  fuzz::require(fuzz::converse(session, memory, stream, input) == stream,
                "the echo is not what was sent");
  return 0;
}
