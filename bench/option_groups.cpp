#include "bench/option_groups.hpp"

#include <CLI/CLI.hpp>
#include <initializer_list>

namespace echolab {
namespace {

struct Group {
  const char* name;
  std::initializer_list<const char*> options;
};

const Group groups[] = {
    {"What is compared",
     {"--preset", "--list-experiments", "--list-metrics", "--at", "--models", "--server",
      "--baseline", "--workers", "--tune"}},
    {"The load",
     {"--clients", "--rate", "--capacity", "--duration", "--warm-up", "--size",
      "--pipeline", "--protocol", "--http-get", "--compute", "--block", "--heavy",
      "--threads"}},
    {"Statistics",
     {"--rounds", "--repeats", "--budget", "--precision", "--aa", "--no-aa", "--ceiling",
      "--no-ceiling", "--seed", "--order"}},
    {"The machine", {"--listen", "--server-cpus", "--client-cpus", "--doctor"}},
    {"Output",
     {"--results", "--folder-file", "--resume", "--resume-unlike", "--dry-run", "--sort",
      "--wide", "--assert", "--time-unit", "--json", "--quiet", "--verbose"}},
};

}  // namespace

void group_compare_options(CLI::App& parser) {
  for (const Group& group : groups)
    for (const char* name : group.options)
      if (CLI::Option* option = parser.get_option_no_throw(name))
        option->group(group.name);
}

}  // namespace echolab
