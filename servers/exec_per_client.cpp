// exec_per_client: a program per connection, as the super-server does it.
//
// The idea   As fork_per_client, but the child becomes another program, which talks to
//            its client on standard input and output and knows nothing of the network.
//            Any filter can so be a server; inetd ran a whole machine's services like
//            this.
// Waits in   accept (the parent), recv and send (the programs).
// Calls      recvfrom, sendto.
// Costs      A fork, an exec, the dynamic linker and an exit per connection; per client
//            a whole program's memory, less what its file shares.
// Traps      What is not close-on-exec stays open in the new program: here nothing is,
//            but the client as 0 and 1 (dup2 clears the flag). Blocked signals and the
//            parent's death signal survive exec, caught ones do not (execve(2)). An exec
//            that fails is the child's end, not the server's.
// Source     inetd(8); UNP 13.5.
// Next       prefork: the children are made beforehand, and stay.

#include <unistd.h>

#include "servers/children.hpp"
#include "servers/job.hpp"

namespace echolab {
namespace {

/// Ends this process as `job.alone`, with `client` as its standard input and output.
void become_its_server(const Job& job, const Fd& client) {
  std::vector<char*> words;
  for (const std::string& word : job.alone)
    words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  checked(::dup2(client.get(), STDIN_FILENO), "dup2");
  checked(::dup2(client.get(), STDOUT_FILENO), "dup2");
  ::execv("/proc/self/exe", words.data());
  checked(-1, "execv");
}

}  // namespace

void exec_per_client(const Job& job) {
  Children children;
  while (const Fd client = job.listener.accept()) {
    if (children.alive() >= job.max_clients) {
      job.listener.turned_away("--max-clients reached");
      continue;
    }
    if (!children.start([&] { become_its_server(job, client); }))
      job.listener.turned_away("no process left (fork)");
  }
  wait_for_children();
}

}  // namespace echolab
