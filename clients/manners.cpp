#include "clients/manners.hpp"

namespace echolab {

std::string_view text_of(Manners::Kind kind) {
  switch (kind) {
    case Manners::Kind::active:
      return "active";
    case Manners::Kind::idle:
      return "idle";
    case Manners::Kind::connect_only:
      return "connect-only";
    case Manners::Kind::slow_reader:
      return "slow-reader";
    case Manners::Kind::slow_writer:
      return "slow-writer";
    case Manners::Kind::churn:
      return "churn";
    case Manners::Kind::half_close:
      return "half-close";
  }
  return "";
}

}  // namespace echolab
