#include "common/listener.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "common/error.hpp"

namespace echolab {
namespace {

std::string advice(int error) {
  switch (error) {
    case EADDRINUSE:
      return "; another server has it: stop that one, or take port 0";
    case EADDRNOTAVAIL:
      return "; this machine does not have that address";
    case EACCES:
      return "; no permission: take a port from 1024 up, or another folder";
    case ENOENT:
      return "; its folder does not exist";
    default:
      return "";
  }
}

[[noreturn]] void cannot_listen(const Endpoint& endpoint, int error) {
  throw Failure(ExitCode::failure,
                fmt::format("cannot listen on {}: {}{}", endpoint.text(),
                            std::strerror(error), advice(error)));
}

/// Removes the socket that a dead server left at `address`: nobody answers a connect
/// (unix(7), NOTES). Anything else stays, and is an error.
void remove_stale(const Endpoint& endpoint, const Address& address) {
  struct stat found {};
  if (::lstat(endpoint.path.c_str(), &found) != 0) return;
  if (!S_ISSOCK(found.st_mode))
    throw Failure(ExitCode::failure,
                  fmt::format("cannot listen on {}: a file that is no socket is there",
                              endpoint.text()));
  const Fd probe(
      checked(::socket(AF_UNIX, endpoint.socket_type() | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
              "socket(AF_UNIX)"));
  if (::connect(probe.get(), address.get(), address.size) != 0 && errno == ECONNREFUSED)
    ::unlink(endpoint.path.c_str());
}

/// A non-blocking accept on a Unix socket says EAGAIN also after the shutdown, where TCP
/// says EINVAL; only poll tells the end from an empty queue (seen on Linux 6.18). So it
/// does for datagrams (POLLRDHUP, as only their receiving is shut down).
bool is_shut_down(int fd) {
  pollfd state{.fd = fd, .events = POLLRDHUP, .revents = 0};
  return ::poll(&state, 1, 0) == 1 && (state.revents & (POLLHUP | POLLRDHUP)) != 0;
}

/// Lets no further datagram in (socket(7), SO_ATTACH_FILTER): a UDP socket takes them
/// also after a shutdown, so that who drains it while they come would never end.
void refuse_datagrams(int fd) {
  sock_filter take_none = BPF_STMT(BPF_RET | BPF_K, 0);
  const sock_fprog program{.len = 1, .filter = &take_none};
  ::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

Fd open_spare() {
  return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

}  // namespace

Listener::Listener(const Endpoint& endpoint, const ListenOptions& options)
    : endpoint_(endpoint),
      turned_away_(std::make_shared<Shared<Tally>>()),
      spare_(open_spare()),
      owner_(::getpid()) {
  if (endpoint.is_local())
    bind_unix(options);
  else
    bind_inet(options);
  for (std::size_t i = 1; i < options.shards; ++i)
    more_.emplace_back(new Listener(*this, options));  // its constructor is private
}

// The first socket was bound alone, so nobody else has the port; only now it is shared.
Listener::Listener(const Listener& first, const ListenOptions& options)
    : endpoint_(first.endpoint_),
      turned_away_(first.turned_away_),
      spare_(open_spare()),
      owner_(first.owner_) {
  if (endpoint_.is_local()) {
    socket_ = Fd(checked(::fcntl(first.fd(), F_DUPFD_CLOEXEC, 3), "fcntl(F_DUPFD)"));
    return;
  }
  bind_inet(options, true);
}

Listener::~Listener() {
  if (inode_ == 0 || ::getpid() != owner_) return;
  struct stat found {};
  if (::lstat(endpoint_.path.c_str(), &found) == 0 && found.st_ino == inode_)
    ::unlink(endpoint_.path.c_str());
}

/// With the options of its kind; none when there is no such family here.
Fd Listener::make_socket(int family, const ListenOptions& options) const {
  Fd made(::socket(family, endpoint_.socket_type() | SOCK_CLOEXEC, 0));
  if (!made) return made;
  const auto set = [&](int level, int option, int value) {
    ::setsockopt(made.get(), level, option, &value, sizeof value);
  };
  if (endpoint_.is_datagram()) {
    set(SOL_SOCKET, SO_RCVBUF, options.queue_bytes);
    set(SOL_SOCKET, SO_SNDBUF, options.queue_bytes);
  } else if (!endpoint_.is_local()) {
    set(SOL_SOCKET, SO_REUSEADDR, 1);
    set(IPPROTO_TCP, TCP_NODELAY, 1);
  }
  return made;
}

void Listener::bind_inet(const ListenOptions& options, bool is_shard) {
  int error = 0;
  for (const Address& address : resolve(endpoint_, true)) {
    socket_ = make_socket(address.family(), options);
    const int on = 1;
    if (is_shard) ::setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (socket_ && ::bind(socket_.get(), address.get(), address.size) == 0) {
      if (options.shards > 1)
        ::setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
      listen_on(options);
      Address bound;
      bound.size = sizeof bound.storage;
      ::getsockname(socket_.get(), bound.get(), &bound.size);
      endpoint_.port = std::to_string(port_of(bound));
      return;
    }
    error = errno;
  }
  cannot_listen(endpoint_, error);
}

void Listener::bind_unix(const ListenOptions& options) {
  const Address address = resolve(endpoint_, true).front();
  remove_stale(endpoint_, address);
  socket_ = make_socket(AF_UNIX, options);
  if (!socket_) cannot_listen(endpoint_, errno);
  const mode_t before = ::umask(0177);
  const int bound = ::bind(socket_.get(), address.get(), address.size);
  const int error = errno;
  ::umask(before);
  if (bound != 0) cannot_listen(endpoint_, error);
  struct stat mine {};
  if (::lstat(endpoint_.path.c_str(), &mine) == 0) inode_ = mine.st_ino;
  listen_on(options);
}

void Listener::listen_on(const ListenOptions& options) {
  if (endpoint_.is_datagram()) return;
  if (::listen(socket_.get(), options.backlog) != 0) cannot_listen(endpoint_, errno);
}

void Listener::non_blocking() {
  set_non_blocking(socket_.get());
  for (const auto& shard : more_) shard->non_blocking();
}

// SHUT_RDWR would forbid a Unix datagram socket its last replies. An unconnected UDP
// socket says ENOTCONN, and those who wait wake up all the same (seen on Linux 6.18).
void Listener::stop() const {
  if (endpoint_.is_datagram()) refuse_datagrams(socket_.get());
  ::shutdown(socket_.get(), endpoint_.is_datagram() ? SHUT_RD : SHUT_RDWR);
  for (const auto& shard : more_) shard->stop();
}

bool Listener::is_over() const {
  std::byte any{};
  return is_shut_down(socket_.get()) &&
         ::recv(socket_.get(), &any, sizeof any, MSG_PEEK | MSG_DONTWAIT) < 0;
}

void Listener::close_in_child() {
  socket_.reset();
  spare_.reset();
}

Fd Listener::accept(int flags) {
  for (;;) {
    auto [client, arrival] = try_accept(flags);
    if (client || arrival == Arrival::stopped) return std::move(client);
  }
}

// accept(2) hands on whatever the network did to the connection in the meantime, and that
// is never the listener's end. HAProxy's sock_accept_conn() is the model of this table.
std::pair<Fd, Listener::Arrival> Listener::try_accept(int flags) {
  for (;;) {
    Fd client(::accept4(socket_.get(), nullptr, nullptr, flags | SOCK_CLOEXEC));
    if (client) return {std::move(client), Arrival::client};
    switch (errno) {
      case EINTR:
      case ECONNABORTED:
        continue;
      case EINVAL:  // shut down
      case EBADF:
        return {Fd(), Arrival::stopped};
      case EAGAIN: {
        const bool over = endpoint_.is_local() && is_shut_down(socket_.get());
        return {Fd(), over ? Arrival::stopped : Arrival::none};
      }
      default:
        if (is_exhaustion(errno)) return accept_on_reserve(flags, errno);
        return {Fd(), Arrival::none};
    }
  }
}

bool Listener::is_exhaustion(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

// A client that cannot be accepted stays in the queue, and the queue stays readable: a
// loop would spin. So one descriptor is kept in reserve. It is given up, takes the
// client, and is wanted back; only where that fails is the client turned away (a blocking
// accept may have waited long enough for others to leave). Where even this accept fails,
// the kernel itself is out of memory: 10 ms of rest bound what we ask of it.
std::pair<Fd, Listener::Arrival> Listener::accept_on_reserve(int flags, int error) {
  const std::lock_guard lock(spare_mutex_);
  spare_.reset();
  const int fd = ::accept4(socket_.get(), nullptr, nullptr, flags | SOCK_CLOEXEC);
  Fd client = restore_spare(fd < 0 ? -errno : fd, error);
  const Arrival arrival = client ? Arrival::client : Arrival::none;
  return {std::move(client), arrival};
}

void Listener::give_up_reserve() {
  const std::lock_guard lock(spare_mutex_);
  spare_.reset();
}

Fd Listener::take_back_reserve(int result, int error) {
  const std::lock_guard lock(spare_mutex_);
  return restore_spare(result, error);
}

Fd Listener::restore_spare(int result, int error) {
  Fd client(result);
  spare_ = open_spare();
  if (client && spare_) return client;
  if (client) {
    client.reset();
    spare_ = open_spare();
    turned_away(::strerrordesc_np(error));
  } else if (is_exhaustion(-result)) {
    const timespec rest{.tv_sec = 0, .tv_nsec = 10'000'000};
    ::nanosleep(&rest, nullptr);
  }
  return Fd();
}

void Listener::turned_away(std::string_view why) {
  const auto count = (*turned_away_)->add();
  if (!count) return;
  if (endpoint_.is_datagram())
    return fmt::print(stderr, "{}: {} unanswered so far; the last one for: {}\n",
                      ::program_invocation_short_name,
                      *count == 1 ? "1 datagram" : fmt::format("{} datagrams", *count),
                      why);
  fmt::print(stderr, "{}: turned away {} so far; the last one for: {}\n",
             ::program_invocation_short_name,
             *count == 1 ? "1 client" : fmt::format("{} clients", *count), why);
}

}  // namespace echolab
