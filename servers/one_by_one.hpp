// one_by_one: what the workers of a fixed set do, whatever brings them their clients.
#pragma once

#include "common/buffer.hpp"
#include "common/drive.hpp"
#include "servers/job.hpp"

namespace echolab {

/// An iterative server: converses with each client that `next_client()` brings, to its
/// end, until it brings none.
template <class NextClient>
void one_by_one(const Job& job, NextClient&& next_client) {
  const Buffer memory(job.buffer_bytes);
  std::visit(
      [&](const auto& protocol) {
        while (const Fd client = next_client())
          if (const auto seat = job.seat())
            converse(client.get(), protocol.serve(memory.room()), job.idle_timeout);
      },
      job.protocol);
}

}  // namespace echolab
