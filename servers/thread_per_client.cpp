// thread_per_client: a thread per connection.
//
// The idea   As fork_per_client, with a thread in place of the process: one
//            address space, one descriptor table, nothing to copy, nothing to reap.
// Waits in   accept (the first thread), recv and send (the others).
// Calls      recvfrom, sendto.
// Costs      A thread's creation per connection, a stack (64 KiB reserved,
//            what is touched is paid) and a kernel stack per client, a thread switch per
//            message.
// Traps      One fate: a fault in any conversation ends them all. A thread that cannot be
//            made throws, and its client is turned away. A thread that has ended holds
//            its stack until it is joined: before the next one is made (threads.hpp).
// Shares     The list of threads, under a mutex, twice per connection; nothing per
//            message.
// Source     UNP 30.10, CS:APP 12.3.
// Next       prethread: the threads are made beforehand, and their number is fixed.

#include <new>

#include "common/buffer.hpp"
#include "common/drive.hpp"
#include "servers/job.hpp"
#include "servers/threads.hpp"

namespace echolab {
namespace {

constexpr std::size_t stack_bytes = 64 * 1024;

template <Protocol P>
void serve(const Job& job, const P& protocol) {
  boost::thread::attributes small;
  small.set_stack_size(stack_bytes);
  Threads threads;
  while (Fd client = job.listener.accept()) {
    auto seat = job.seat();
    if (!seat) continue;
    try {
      threads.start(small,
                    [client = std::move(client), memory = Buffer(job.buffer_bytes),
                     seat = std::move(*seat), &protocol, silence = job.idle_timeout] {
                      converse(client.get(), protocol.serve(memory.room()), silence);
                    });
    } catch (const boost::thread_resource_error&) {
      job.listener.turned_away("no thread left (pthread_create)");
    } catch (const std::bad_alloc&) {
      job.listener.turned_away("no memory left");
    }
  }
}

}  // namespace

void thread_per_client(const Job& job) {
  std::visit([&](const auto& protocol) { serve(job, protocol); }, job.protocol);
}

}  // namespace echolab
