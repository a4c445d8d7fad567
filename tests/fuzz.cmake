# What libFuzzer drives: any bytes, in any cuts. Run by scripts/fuzz.
if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  message(FATAL_ERROR "ECHOLAB_FUZZ needs clang: cmake --preset fuzz")
endif()

add_custom_target(fuzzers)
foreach(part IN ITEMS work http echo endpoint)
  add_executable(${part}_fuzz fuzz/${part}_fuzz.cpp)
  target_link_libraries(${part}_fuzz PRIVATE echolab_common)
  target_link_options(${part}_fuzz PRIVATE -fsanitize=fuzzer)
  add_dependencies(fuzzers ${part}_fuzz)
endforeach()
