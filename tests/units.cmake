# The parts alone, the command lines, and the house style.
include(GoogleTest)

add_executable(unit_test
  availability_test.cpp config_test.cpp drive_test.cpp echo_session_test.cpp
  endpoint_test.cpp http_caller_test.cpp http_session_test.cpp units_test.cpp
  work_session_test.cpp)
target_link_libraries(unit_test PRIVATE
  echolab_common echolab_load echolab_models GTest::gtest_main)
gtest_discover_tests(unit_test PROPERTIES TIMEOUT 60 LABELS unit)

add_executable(campaign_table_test
  campaign_ceiling_test.cpp campaign_order_test.cpp campaign_precision_test.cpp
  campaign_row_test.cpp campaign_table_test.cpp
  experiment_test.cpp)
target_link_libraries(campaign_table_test PRIVATE echolab_bench GTest::gtest_main)
gtest_discover_tests(campaign_table_test PROPERTIES TIMEOUT 60 LABELS unit)

add_executable(tuning_test tuning_test.cpp)
target_link_libraries(tuning_test PRIVATE echolab_bench GTest::gtest_main)
gtest_discover_tests(tuning_test PROPERTIES TIMEOUT 60 LABELS unit)

add_executable(inference_test inference_test.cpp precision_test.cpp)
target_link_libraries(inference_test PRIVATE echolab_bench GTest::gtest_main)
gtest_discover_tests(inference_test PROPERTIES TIMEOUT 60 LABELS unit)

# In the folder of all programs: a contestant is looked for beside who starts it.
add_executable(contestant_test contestant_test.cpp guarded_process_test.cpp)
set_target_properties(contestant_test PROPERTIES
  RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
target_link_libraries(contestant_test PRIVATE echolab_bench GTest::gtest_main)
add_dependencies(contestant_test echo_load echo_server)
gtest_discover_tests(contestant_test PROPERTIES TIMEOUT 60 PROCESSORS 3)

# What statistics_test.py holds against scipy and against the report.
add_executable(median_interval median_interval.cpp)
target_link_libraries(median_interval PRIVATE echolab_bench)

set(python /usr/bin/python3)  # Debian's own: the one that has Debian's packages
if(NOT ECHOLAB_SANITIZE)  # the text is the same
  add_test(NAME style
    COMMAND ${python} ${CMAKE_CURRENT_SOURCE_DIR}/style_test.py
      --include ${CMAKE_SOURCE_DIR} --include ${CMAKE_BINARY_DIR}/generated
      --compiler ${CMAKE_CXX_COMPILER})
  set_tests_properties(style PROPERTIES TIMEOUT 600 PROCESSORS 6)  # two compilers
endif()
add_test(NAME command_line
  COMMAND ${python} ${CMAKE_CURRENT_SOURCE_DIR}/command_line_test.py)
set_tests_properties(command_line PROPERTIES
  ENVIRONMENT ECHOLAB_BIN=${CMAKE_BINARY_DIR} TIMEOUT 600 PROCESSORS 3)
