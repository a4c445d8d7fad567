# The parts alone, and the house style.
include(GoogleTest)

add_executable(unit_test
  availability_test.cpp config_test.cpp drive_test.cpp echo_session_test.cpp
  endpoint_test.cpp http_caller_test.cpp http_session_test.cpp units_test.cpp
  work_session_test.cpp)
target_link_libraries(unit_test PRIVATE
  echolab_common echolab_load echolab_models GTest::gtest_main)
gtest_discover_tests(unit_test PROPERTIES TIMEOUT 60 LABELS unit)

set(python /usr/bin/python3)  # Debian's own: the one that has Debian's packages
if(NOT ECHOLAB_SANITIZE)  # the text is the same
  add_test(NAME style
    COMMAND ${python} ${CMAKE_CURRENT_SOURCE_DIR}/style_test.py
      --include ${CMAKE_SOURCE_DIR} --include ${CMAKE_BINARY_DIR}/generated
      --compiler ${CMAKE_CXX_COMPILER})
  set_tests_properties(style PROPERTIES TIMEOUT 600 PROCESSORS 6)  # two compilers
endif()
