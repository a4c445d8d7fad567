# The load generator and the client: that they say what is, above all when it is wrong.
add_executable(load_test
  datagram_load_test.cpp echo_caller_test.cpp hdr_log_test.cpp histogram_test.cpp
  load_test.cpp
  work_load_test.cpp
  process_tree.cpp server_process.cpp)
target_link_libraries(load_test PRIVATE echolab_load GTest::gtest_main)
target_compile_definitions(load_test PRIVATE
  ECHO_CLIENT="$<TARGET_FILE:echo_client>"
  ECHO_LOAD="$<TARGET_FILE:echo_load>"
  ECHO_SERVER="$<TARGET_FILE:echo_server>")
add_dependencies(load_test echo_client echo_load echo_server)

include(GoogleTest)
gtest_discover_tests(load_test TEST_FILTER -LargeLoad.* DISCOVERY_TIMEOUT 60
  PROPERTIES TIMEOUT 120 PROCESSORS 3)
gtest_discover_tests(load_test TEST_FILTER LargeLoad.* TEST_LIST large_load_tests
  DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300 PROCESSORS 3 LABELS large)
