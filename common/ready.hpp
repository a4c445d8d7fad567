// --ready-fd: how a server tells whoever started it that it serves, and where.
#pragma once

#include <sys/types.h>

#include <string>

#include "common/fd.hpp"
#include "common/program.hpp"

namespace echolab {

/// The option; `number` stays as it is (-1: none) when it is not given.
CLI::Option* add_ready_fd(CLI::App& parser, int& number);

/// The descriptor of that number, now owned here; none for -1. To be called before any
/// other is opened, which might get the number. Throws UsageError when it is not open.
Fd take_ready_fd(int number);

/// Writes "READY endpoint=… pid=… model_pid=…": the endpoint with its actual port, this
/// process, and the one that serves. Nothing when there is no descriptor.
void say_ready(const Fd& ready_fd, const std::string& endpoint, pid_t model);

}  // namespace echolab
