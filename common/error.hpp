// What may go wrong in a program, and the one table of exit codes.
#pragma once

#include <stdexcept>
#include <string>

namespace echolab {

/// The exit codes of every echolab program.
enum class ExitCode {
  ok = 0,
  failure = 1,
  usage = 2,
  unreachable = 3,
  corrupt = 4,
  client_bound = 5,
  unsteady = 6,
  overloaded = 7,
  regression = 8,
  threshold_missed = 9,
  promise_broken = 10,
  unavailable = 69,
  skipped = 77,
  interrupted = 130,
};

/// An error that ends the program with one line and the given exit code.
class Failure : public std::runtime_error {
 public:
  Failure(ExitCode exit_code, const std::string& what)
      : std::runtime_error(what), code(exit_code) {}
  const ExitCode code;
};

/// A wrong command line, file or name: says what was given and what would be right.
class UsageError : public Failure {
 public:
  explicit UsageError(const std::string& what) : Failure(ExitCode::usage, what) {}
};

/// No server where one was expected.
class Unreachable : public Failure {
 public:
  explicit Unreachable(const std::string& what) : Failure(ExitCode::unreachable, what) {}
};

}  // namespace echolab
