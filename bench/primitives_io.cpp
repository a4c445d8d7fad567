// Benchmarks of moving bytes, making connections and passing descriptors on one machine.
//
// One thread plays both ends, so nobody is woken and nothing is scheduled: what is left
// is what the kernel charges for the work itself.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "bench/primitives.hpp"
#include "common/fd.hpp"
#include "servers/channel.hpp"

namespace echolab {
namespace {

struct Ends {
  Fd client;
  Fd server;
};

/// A fresh folder in the folder for temporary files, removed with all that is in it.
class TemporaryFolder {
 public:
  TemporaryFolder()
      : path_((std::filesystem::temp_directory_path() / "echolab-XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr) {
      throw std::system_error(errno, std::generic_category(), "mkdtemp " + path_);
    }
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] std::string file(const char* name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// 127.0.0.1 and a port of the kernel's choice (ip(7)).
sockaddr_in loopback_address() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// `path` as an address; at most 107 bytes (unix(7)).
sockaddr_un path_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    throw std::runtime_error("too long for a Unix socket: " + path);
  }
  path.copy(address.sun_path, path.size());
  return address;
}

/// A listening stream socket whose own thread also connects to it. connect(2) returns as
/// soon as the connection waits in the backlog, so one thread can do both (UNP 4.5).
class Meeting {
 public:
  template <class Address>
  explicit Meeting(const Address& wanted) : length_(sizeof(Address)) {
    static_assert(sizeof(Address) <= sizeof(sockaddr_storage));
    std::memcpy(&address_, &wanted, sizeof(Address));
    listener_ = new_socket();
    checked(::bind(listener_.get(), address(), length_), "bind");
    checked(::listen(listener_.get(), 1), "listen");
    auto* bound = reinterpret_cast<sockaddr*>(&address_);
    checked(::getsockname(listener_.get(), bound, &length_), "getsockname");
  }

  [[nodiscard]] Ends connect() const {
    Ends ends;
    ends.client = new_socket();
    checked(::connect(ends.client.get(), address(), length_), "connect");
    ends.server = Fd(
        checked(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept4"));
    return ends;
  }

 private:
  [[nodiscard]] const sockaddr* address() const {
    return reinterpret_cast<const sockaddr*>(&address_);
  }

  [[nodiscard]] Fd new_socket() const {
    return Fd(
        checked(::socket(address_.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  }

  sockaddr_storage address_{};
  socklen_t length_;
  Fd listener_;
};

Ends socket_pair() {
  std::array<int, 2> fds{};
  checked(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), "socketpair");
  return {Fd(fds[0]), Fd(fds[1])};
}

// ---- floor/

void send_all(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n =
        checked(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL), "send");
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

/// Fills `bytes`; a stream may bring them in any pieces (UNP 3.9).
void receive_all(int fd, std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = checked(::recv(fd, bytes.data(), bytes.size(), 0), "recv");
    if (n == 0) throw std::runtime_error("recv: the other end has closed");
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

/// The least that an echo of range(0) bytes can cost: send, recv, send, recv. The payload
/// must fit in a socket buffer, or the one thread would wait for itself.
void round_trips(benchmark::State& state, const Ends& ends) {
  std::vector<std::byte> payload(static_cast<std::size_t>(state.range(0)),
                                 std::byte{'e'});
  for (auto _ : state) {
    send_all(ends.client.get(), payload);
    receive_all(ends.server.get(), payload);
    send_all(ends.server.get(), payload);
    receive_all(ends.client.get(), payload);
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(2 * state.iterations() * state.range(0));
}

void floor_tcp(benchmark::State& state) {
  const Ends ends = Meeting(loopback_address()).connect();
  const int on = 1;  // or else Nagle holds back a small segment (tcp(7), UNP 7.9)
  for (const Fd* end : {&ends.client, &ends.server}) {
    checked(::setsockopt(end->get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)),
            "setsockopt TCP_NODELAY");
  }
  round_trips(state, ends);
}

void floor_unix(benchmark::State& state) {
  const TemporaryFolder folder;
  round_trips(state, Meeting(path_address(folder.file("floor"))).connect());
}

/// Two sockets, each connected to the other: what comes from elsewhere is not for them.
void floor_udp(benchmark::State& state) {
  Ends ends;
  std::array<sockaddr_in, 2> addresses{loopback_address(), loopback_address()};
  socklen_t length = sizeof(sockaddr_in);
  const auto as_address = [](sockaddr_in& one) {
    return reinterpret_cast<sockaddr*>(&one);
  };
  const std::array sockets{&ends.client, &ends.server};
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    *sockets[i] = Fd(checked(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
    const int fd = sockets[i]->get();
    checked(::bind(fd, as_address(addresses[i]), length), "bind");
    checked(::getsockname(fd, as_address(addresses[i]), &length), "getsockname");
  }
  for (std::size_t i = 0; i < sockets.size(); ++i)
    checked(::connect(sockets[i]->get(), as_address(addresses[1 - i]), length),
            "connect");
  round_trips(state, ends);
}

void floor_socketpair(benchmark::State& state) {
  round_trips(state, socket_pair());
}

// ---- connect/

/// A connection from socket() to both close(): what a client costs that says nothing.
void connections(benchmark::State& state, const Meeting& meeting) {
  // close() then resets instead of going through TIME_WAIT, in which each connection
  // would hold one of some 28 000 ports for a minute (UNP 7.5, ip_local_port_range in
  // ip(7)). So this is not the price of an orderly close.
  const linger abort_on_close{.l_onoff = 1, .l_linger = 0};
  for (auto _ : state) {
    Ends ends = meeting.connect();
    checked(::setsockopt(ends.client.get(), SOL_SOCKET, SO_LINGER, &abort_on_close,
                         sizeof(abort_on_close)),
            "setsockopt SO_LINGER");
    ends.client.reset();  // first, so that it is the client who resets
    ends.server.reset();
  }
  state.SetItemsProcessed(state.iterations());
}

void connect_tcp(benchmark::State& state) {
  connections(state, Meeting(loopback_address()));
}

void connect_unix(benchmark::State& state) {
  const TemporaryFolder folder;
  connections(state, Meeting(path_address(folder.file("connect"))));
}

// ---- pass/

/// A descriptor sent, received and closed: the price of one process that accepts and
/// others that serve (UNP 30.9).
void descriptor(benchmark::State& state) {
  const Ends ends = socket_pair();
  const Fd passed(checked(::eventfd(0, EFD_CLOEXEC), "eventfd"));
  for (auto _ : state) {
    const bool sent = pass_descriptor(ends.client.get(), passed);
    const auto received = receive_descriptor(ends.server.get());
    if (!sent || !received || !*received) return state.SkipWithError("not passed");
  }
  state.SetItemsProcessed(state.iterations());
}

}  // namespace

void add_io_primitives() {
  for (auto* floor :
       {add_primitive("floor/tcp", floor_tcp), add_primitive("floor/unix", floor_unix),
        add_primitive("floor/udp", floor_udp),
        add_primitive("floor/socketpair", floor_socketpair)}) {
    floor->Arg(1)->Arg(64)->Arg(4096);
  }
  add_primitive("connect/tcp", connect_tcp);
  add_primitive("connect/unix", connect_unix);
  add_primitive("pass/scm_rights", descriptor);
}

}  // namespace echolab
