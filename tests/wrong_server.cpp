#include "tests/wrong_server.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "clients/load_clock.hpp"
#include "common/drive.hpp"

namespace echolab::tests {
namespace {

constexpr std::int64_t delay_ns = 400'000'000;
constexpr int tick_ms = 5;

}  // namespace

WrongServer::WrongServer(Misdeed misdeed, std::size_t frame_bytes, unsigned seed)
    : misdeed_(misdeed),
      frame_bytes_(frame_bytes),
      random_(seed),
      listener_(Endpoint::parse("tcp://127.0.0.1:0")),
      thread_([this] { serve(); }) {}

WrongServer::~WrongServer() {
  listener_.stop();
}

void WrongServer::serve() {
  listener_.non_blocking();
  const bool accepts = misdeed_ != Misdeed::never_accepts;
  while (
      listener_.accept_waiting([&](Fd fd) { admit(std::move(fd)); }, accepts ? 64 : 0) &&
      !listener_.is_over()) {
    std::vector<pollfd> waits{{listener_.fd(), POLLIN, 0}};
    if (!accepts) waits[0].events = 0;  // its end is told all the same
    for (const Client& client : clients_) waits.push_back({client.fd.get(), POLLIN, 0});
    const bool is_late = std::ranges::any_of(
        clients_, [](const Client& client) { return !client.owed.empty(); });
    ::poll(waits.data(), waits.size(), is_late ? tick_ms : 100);
    for (Client& client : clients_) {
      if (client.fd) hear(client);
      if (client.fd) say(client);
    }
    std::erase_if(clients_, [](const Client& client) { return !client.fd; });
  }
}

void WrongServer::admit(Fd fd) {
  Client& client = clients_.emplace_back(Client{.fd = std::move(fd)});
  client.replies = std::uniform_int_distribution<unsigned>(1, 8)(random_);
  if (misdeed_ == Misdeed::stalls) client.is_silent = true;
  if (misdeed_ == Misdeed::answers_early) client.owed = "too soon";
}

void WrongServer::hear(Client& client) {
  std::array<std::byte, 16'384> room;
  const ssize_t n = receive(client.fd.get(), room);
  if (would_block(n)) return;
  if (n <= 0) return client.fd.reset();
  if (client.is_silent || client.ends) return;
  client.heard.append(reinterpret_cast<const char*>(room.data()),
                      static_cast<std::size_t>(n));
  while (client.fd && client.heard.size() >= frame_bytes_ && !client.ends) {
    std::string frame = client.heard.substr(0, frame_bytes_);
    client.heard.erase(0, frame_bytes_);
    on_frame(client, std::move(frame));
  }
}

void WrongServer::on_frame(Client& client, std::string frame) {
  const bool at_random =
      misdeed_ == Misdeed::closes_at_random || misdeed_ == Misdeed::resets_at_random;
  if (at_random && random_() % 20 == 0)
    return end(client, misdeed_ == Misdeed::resets_at_random);
  if (misdeed_ == Misdeed::swaps) return swap(client, std::move(frame));
  if (client.frames++ == client.replies) return misbehave(client, std::move(frame));
  if (!client.is_silent) client.owed += frame;
}

void WrongServer::misbehave(Client& client, std::string frame) {
  const std::size_t middle = frame.size() / 2;
  switch (misdeed_) {
    case Misdeed::alters:
      frame[middle] = static_cast<char>(frame[middle] ^ 0x10);
      break;
    case Misdeed::drops_bytes:
      frame.erase(middle - 5, 5);
      break;
    case Misdeed::drops_a_reply:
      frame.clear();
      break;
    case Misdeed::duplicates:
      frame += frame;
      break;
    case Misdeed::truncates:
    case Misdeed::truncates_by_reset:
      client.owed += frame.substr(0, middle);
      client.ends = true;
      client.by_reset = misdeed_ == Misdeed::truncates_by_reset;
      return;
    case Misdeed::closes:
    case Misdeed::resets:
      return end(client, misdeed_ == Misdeed::resets);
    case Misdeed::falls_silent:
      client.is_silent = true;
      return;
    case Misdeed::delays:
      client.owed_from = clock_ns() + delay_ns;
      break;
    case Misdeed::none:
    case Misdeed::swaps:
    case Misdeed::stalls:
    case Misdeed::never_accepts:
    case Misdeed::answers_early:
    case Misdeed::drips:
    case Misdeed::closes_at_random:
    case Misdeed::resets_at_random:
      break;
  }
  client.owed += frame;
}

/// A reply waits until another client has one to change it for.
void WrongServer::swap(Client& client, std::string frame) {
  for (Client& other : clients_)
    if (&other != &client && other.fd && !other.held.empty()) {
      other.owed += frame;
      client.owed += std::exchange(other.held, "");
      return;
    }
  client.held = std::move(frame);
}

void WrongServer::say(Client& client) const {
  while (!client.owed.empty() && clock_ns() >= client.owed_from) {
    Bytes bytes = std::as_bytes(std::span(client.owed));
    if (misdeed_ == Misdeed::drips) bytes = bytes.first(1);
    const ssize_t n = transmit(client.fd.get(), bytes);
    if (would_block(n)) return;
    if (n < 0) return client.fd.reset();
    client.owed.erase(0, static_cast<std::size_t>(n));
  }
  if (client.ends && client.owed.empty()) end(client, client.by_reset);
}

void WrongServer::end(Client& client, bool by_reset) const {
  const linger at_once{.l_onoff = by_reset ? 1 : 0, .l_linger = 0};
  ::setsockopt(client.fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  client.fd.reset();
}

}  // namespace echolab::tests
