// WrongServer: an echo server over streams that does one thing wrong, for tests.
#pragma once

#include <poll.h>

#include <deque>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "common/listener.hpp"

namespace echolab::tests {

/// What it does wrong, to every client: once, after some right replies, unless it says
/// otherwise.
enum class Misdeed {
  none,
  alters,              ///< a byte of a reply
  drops_bytes,         ///< in the midst of a reply, and goes on
  drops_a_reply,       ///< and goes on with the next: shows when there are several
  duplicates,          ///< a reply
  swaps,               ///< the replies of two clients, always
  truncates,           ///< half a reply, and then its end
  truncates_by_reset,  ///< half a reply, and then RST
  closes,              ///< instead of a reply
  resets,              ///< instead of a reply
  falls_silent,        ///< for ever
  stalls,              ///< from the first request on: accepts, reads, says nothing
  never_accepts,
  answers_early,     ///< 8 bytes, before anything was asked
  delays,            ///< a reply, by 400 ms
  drips,             ///< every reply byte by byte; which is right
  closes_at_random,  ///< one request in 20
  resets_at_random,  ///< one request in 20
};

/// In a thread of this process; ends with this object, whatever its clients do.
class WrongServer {
 public:
  /// `frame_bytes`: of each request, and its reply. `seed`: of where the faults are.
  WrongServer(Misdeed misdeed, std::size_t frame_bytes, unsigned seed);
  WrongServer(const WrongServer&) = delete;
  WrongServer& operator=(const WrongServer&) = delete;
  ~WrongServer();

  [[nodiscard]] const Endpoint& endpoint() const { return listener_.endpoint(); }

 private:
  struct Client {
    Fd fd;
    std::string heard{};
    std::string owed{};
    std::string held{};          ///< a request whose reply waits for another client's
    std::int64_t owed_from = 0;  ///< nothing leaves before: CLOCK_MONOTONIC, ns
    unsigned replies = 0;        ///< right ones, before the misdeed
    unsigned frames = 0;
    bool is_silent = false;
    bool ends = false;  ///< when all that is owed has left
    bool by_reset = false;
  };

  void serve();
  void admit(Fd fd);
  void hear(Client& client);
  void say(Client& client) const;
  void on_frame(Client& client, std::string frame);
  void misbehave(Client& client, std::string frame);
  void swap(Client& client, std::string frame);
  void end(Client& client, bool by_reset) const;

  const Misdeed misdeed_;
  const std::size_t frame_bytes_;
  std::mt19937 random_;
  Listener listener_;
  std::deque<Client> clients_;
  std::jthread thread_;
};

}  // namespace echolab::tests
