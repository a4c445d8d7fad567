// What the three parts of the primitives benchmark share: how a benchmark is added.
#pragma once

#include <benchmark/benchmark.h>

namespace echolab {

using PrimitiveBody = void (*)(benchmark::State&);

/// Adds the benchmark `name`. An exception out of `body` ends that benchmark alone, as
/// "ERROR OCCURRED" with its text. `name` is copied; the result belongs to the library.
benchmark::internal::Benchmark* add_primitive(const char* name, PrimitiveBody body);

void add_io_primitives();       ///< primitives_io.cpp: floor/, connect/, pass/
void add_waiting_primitives();  ///< primitives_waiting.cpp: handover/, wait/

}  // namespace echolab
