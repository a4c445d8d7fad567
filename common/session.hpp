// The contract between a model and a protocol: a conversation without I/O and memory.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>

namespace echolab {

using Bytes = std::span<const std::byte>;
using Room = std::span<std::byte>;

/// One side of one conversation. It makes no system call and owns no memory: whoever
/// drives it lends it a buffer, moves bytes between buffer and peer, and reports each
/// move. What to wait for follows from the spans, so no model keeps flags.
///
///          peer ── recv ──▶ input()   received(n)
///                              │ the protocol's work
///          peer ◀── send ── output()  sent(n)
///
/// input()      where the next bytes go; empty: do not read now (the back-pressure)
/// received(n)  n of them were put there, 1 ≤ n ≤ input().size()
/// output()     what must be sent; empty: nothing to say
/// sent(n)      n of it left, 1 ≤ n ≤ output().size(); there may be more to say then
/// done()       close as soon as output() is empty
///
/// A span is good until the next call of received() or sent().
template <class S>
concept Session = requires(S session, const S& idle, std::size_t n) {
  { session.input() } -> std::same_as<Room>;
  {session.received(n)};
  { idle.output() } -> std::same_as<Bytes>;
  {session.sent(n)};
  { idle.done() } -> std::same_as<bool>;
};

/// What the bytes mean: makes the server's side of a conversation inside lent memory.
/// may_block: its received() may compute or sleep. Where it may not, a loop that would
/// hand a request over does it itself.
template <class P>
concept Protocol = requires(const P& protocol, Room memory) {
  { protocol.serve(memory) } -> Session;
  typename std::bool_constant<P::may_block>;
};

template <Protocol P>
using SessionOf = decltype(std::declval<const P&>().serve(Room{}));

}  // namespace echolab
