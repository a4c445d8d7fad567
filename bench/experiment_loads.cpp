#include "bench/experiment_loads.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>

#include "common/units.hpp"

namespace echolab::loads {
namespace {

using namespace std::chrono_literals;
using Kind = Manners::Kind;

std::size_t whole(double at) {
  return static_cast<std::size_t>(std::llround(at));
}

/// "1 client", "64 clients".
std::string counted(double at, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", whole(at), whole(at) == 1 ? one : many);
}

std::chrono::microseconds of_ms(double ms) {
  return std::chrono::microseconds(std::llround(ms * 1000));
}

std::string text_of_ms(double ms) {
  return ms == 0 ? "no time" : show_duration(ms * 1e6);
}

/// Another population of the same load, closed, with a seed of its own.
LoadPlan& add_company(LoadPlan& lead, Kind kind, std::size_t connections) {
  LoadPlan other = lead;
  other.company.clear();
  other.workload = {};
  if (other.work) other.work.emplace();  // the same language, and no work
  other.pipeline = 1;
  other.threads = 1;
  other.manners = {};
  other.manners.kind = kind;
  other.name = text_of(kind);
  other.connections = connections;
  other.seed = lead.seed + (lead.company.size() + 1) * 1'000'003;
  if (lead.name.empty()) lead.name = "active";
  return lead.company.emplace_back(std::move(other));
}

void open_loop(LoadPlan& load, double requests_per_second) {
  load.workload.arrivals.emplace();
  load.workload.arrivals->rate = std::round(requests_per_second);
}

}  // namespace

void scaling(Level& level) {
  level.name = counted(level.at, "client", "clients");
  level.load.connections = whole(level.at);
}

void process_control(Level& level) {
  level.name = counted(level.at, "client at once", "clients at once");
  level.load.connections = whole(level.at);
  level.load.manners.kind = Kind::churn;
  level.load.manners.requests = 1;
  level.load.payload_bytes = 4000;
}

void churn(Level& level) {
  level.name = counted(level.at, "request a connection", "requests a connection");
  level.load.manners.kind = Kind::churn;
  level.load.manners.requests = whole(level.at);
}

void idle_crowd(Level& level) {
  level.name = level.at == 0 ? "no idle connection"
                             : counted(level.at, "idle connection", "idle connections");
  if (level.at > 0) add_company(level.load, Kind::idle, whole(level.at));
}

void payload(Level& level) {
  level.name = show_bytes(level.at) + " a request";
  level.load.payload_bytes = whole(level.at);
}

void blocking_work(Level& level) {
  level.name = text_of_ms(level.at) + " of waiting";
  level.load.work = WorkMix{.block = of_ms(level.at)};
}

void cpu_work(Level& level) {
  constexpr double usual_us = 10;
  constexpr double rest_us = 20;  // what an echo costs a server beside, roughly
  constexpr double share = 0.01;
  constexpr double utilisation = 0.4;
  level.name = text_of_ms(level.at) + " more for 1 request in 100";
  level.load.work = WorkMix{.compute = of_ms(usual_us / 1000)};
  if (level.at > 0) {
    level.load.work->heavy_share = share;
    level.load.work->heavy_compute = of_ms(level.at);
  }
  open_loop(level.load,
            utilisation * 1e6 / (usual_us + rest_us + share * level.at * 1000));
}

void overload(Level& level) {
  level.load.work = WorkMix{.compute = of_ms(0.1)};
  level.load.workload.arrivals.emplace();
  level.share_of_capacity = level.at / 100;
  level.name = fmt::format("{:g} % of capacity", level.at);
}

void bad_company(Level& level) {
  level.name =
      level.at == 0 ? "no bad client" : counted(level.at, "bad client", "bad clients");
  level.load.name = "good";
  level.load.manners.kind = Kind::churn;  // who stays would keep its worker for ever
  level.load.manners.requests = 10;
  const std::size_t third = whole(level.at) / 3;
  if (const std::size_t readers = whole(level.at) - 2 * third; readers > 0) {
    LoadPlan& slow = add_company(level.load, Kind::slow_reader, readers);
    slow.pipeline = slow.http ? 1024 : 4;  // much to read, or the kernel would hide it
    if (!slow.http) slow.payload_bytes = 64 * 1024;
    slow.manners.rate = 1000;
  }
  if (third == 0) return;
  add_company(level.load, Kind::slow_writer, third).manners.rate = 10;
  LoadPlan& resetting = add_company(level.load, Kind::churn, third);
  resetting.name = "resetting";
  resetting.manners.requests = 1;
  resetting.manners.ending = Manners::Ending::rst;
  resetting.workload.think = TimeLaw::parse("think", "10ms");
}

void burst(Level& level) {
  level.name = counted(level.at, "client connecting", "clients connecting at once");
  level.load.connections = whole(level.at);
  level.load.connects_at_once = whole(level.at);
  level.load.manners.kind = Kind::churn;
  level.load.manners.requests = 1;
  level.arguments = {"--backlog", "128"};
}

void memory(Level& level) {
  level.name = counted(level.at, "held connection", "held connections");
  level.load.connections = 1;
  add_company(level.load, Kind::idle, whole(level.at));
}

void transports(Level& level) {
  constexpr const char* names[] = {"TCP over IPv4", "TCP over IPv6",
                                   "Unix stream sockets", "UDP", "Unix datagram sockets"};
  const std::string path = std::filesystem::temp_directory_path() /
                           fmt::format("echo_compare-{}.sock", ::getpid());
  const std::string endpoints[] = {"tcp://127.0.0.1:0", "tcp://[::1]:0", "unix://" + path,
                                   "udp://127.0.0.1:0", "unixgram://" + path};
  level.name = names[whole(level.at)];
  level.listen = Endpoint::parse(endpoints[whole(level.at)]);
}

}  // namespace echolab::loads
