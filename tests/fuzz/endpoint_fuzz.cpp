// Whatever is typed as an endpoint is a UsageError, or an endpoint that reads back as
// the same.

#include "common/endpoint.hpp"

#include "common/error.hpp"
#include "tests/fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using echolab::Endpoint;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  try {
    const Endpoint once = Endpoint::parse(text);
    const Endpoint again = Endpoint::parse(once.text());
    echolab::fuzz::require(once.transport == again.transport && once.host == again.host &&
                               once.port == again.port && once.path == again.path,
                           "its text does not read back as the same");
  } catch (const echolab::UsageError&) {
  }
  return 0;
}
