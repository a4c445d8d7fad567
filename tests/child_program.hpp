// Program: another program, run by a test, whose output is kept.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "common/fd.hpp"

namespace echolab::tests {

/// Killed when this object goes.
class Program {
 public:
  struct Streams {
    int input = -1;              ///< -1: nothing to read
    int output = -1;             ///< -1: kept, for output()
    bool output_closed = false;  ///< stdout is no descriptor at all
    rlim_t descriptors = 0;      ///< a hard limit that even root cannot raise; 0: none
  };

  Program(const char* path, std::vector<std::string> arguments, const Streams& streams);
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program();

  void signal(int number) const;
  [[nodiscard]] std::string output() const;
  [[nodiscard]] std::string errors() const;
  /// On stderr, now or before long.
  [[nodiscard]] bool said(std::string_view text) const;

  /// Its exit code; -1 when a signal ended it, or it does not end.
  int wait();

 private:
  Fd output_;
  Fd errors_;
  Fd pidfd_;
  pid_t pid_ = -1;
  bool ended_ = false;
};

/// What went wrong, in exactly one line that begins with `beginning`.
void expect_one_line(const Program& program, const std::string& beginning);

}  // namespace echolab::tests
