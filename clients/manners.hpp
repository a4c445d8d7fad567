// Manners: how a connection behaves, beside what it asks.
#pragma once

#include <cstdint>
#include <string_view>

namespace echolab {

/// The connections of a population are all alike; a load may have several populations.
struct Manners {
  enum class Kind {
    active,        ///< asks, for ever
    idle,          ///< asks once, and is silent from then on
    connect_only,  ///< connects, and never says a byte
    slow_reader,   ///< takes its replies at `rate`, so the server cannot send
    slow_writer,   ///< sends its requests at `rate` (slowloris)
    churn,         ///< asks `requests` times, ends as `ending` says, and connects anew
    half_close     ///< says `requests` requests and its end at once, then reads; anew
  };
  enum class Ending {
    fin,  ///< half-close, and waits for the server's end
    rst   ///< SO_LINGER 0: the server sees ECONNRESET (socket(7))
  };

  Kind kind = Kind::active;
  std::uint64_t requests = 0;  ///< of one connection's life; 0: it does not end
  Ending ending = Ending::fin;
  double rate = 0;  ///< bytes per second of each connection, of the slow

  [[nodiscard]] bool greets() const { return kind != Kind::connect_only; }
  [[nodiscard]] bool asks() const { return greets() && kind != Kind::idle; }
  [[nodiscard]] bool reads_slowly() const { return kind == Kind::slow_reader; }
  [[nodiscard]] bool writes_slowly() const { return kind == Kind::slow_writer; }
  [[nodiscard]] bool half_closes() const { return kind == Kind::half_close; }
  /// Says its end before the replies are there, or after them.
  [[nodiscard]] bool is_reborn() const { return requests > 0; }
};

/// "active", "idle", "connect-only", "slow-reader", "slow-writer", "churn", "half-close".
std::string_view text_of(Manners::Kind kind);

}  // namespace echolab
