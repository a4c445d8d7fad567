# The load generator and the client: that they say what is, above all when it is wrong.
add_executable(load_test
  agenda_test.cpp arrivals_test.cpp datagram_load_test.cpp echo_caller_test.cpp
  echo_client_test.cpp echo_load_test.cpp frame_row_test.cpp hdr_log_test.cpp
  histogram_test.cpp http_load_test.cpp intervals_test.cpp judgement_test.cpp laws_test.cpp
  littles_law_test.cpp load_allocation_test.cpp load_fault_test.cpp load_law_test.cpp
  load_test.cpp open_load_test.cpp population_test.cpp queue_test.cpp schedule_test.cpp
  work_load_test.cpp wrong_bytes_test.cpp wrong_server_test.cpp
  child_program.cpp counted_load.cpp process_tree.cpp server_process.cpp test_server.cpp
  wrong_server.cpp)
target_link_libraries(load_test PRIVATE echolab_load Boost::headers GTest::gtest_main)
target_compile_definitions(load_test PRIVATE
  ECHO_CLIENT="$<TARGET_FILE:echo_client>"
  ECHO_LOAD="$<TARGET_FILE:echo_load>"
  ECHO_SERVER="$<TARGET_FILE:echo_server>")
add_dependencies(load_test echo_client echo_load echo_server)

# What the client knows of itself and of the noise around it.
add_executable(client_test ceiling_test.cpp explain_search_test.cpp explain_test.cpp noise_test.cpp steadiness_test.cpp
  noise_watch_test.cpp rate_search_test.cpp wrong_server.cpp)
target_link_libraries(client_test PRIVATE echolab_load GTest::gtest_main)

include(GoogleTest)
gtest_discover_tests(client_test PROPERTIES TIMEOUT 60 LABELS unit)
gtest_discover_tests(load_test TEST_FILTER -LargeLoad.* DISCOVERY_TIMEOUT 60
  PROPERTIES TIMEOUT 120 PROCESSORS 3)
gtest_discover_tests(load_test TEST_FILTER LargeLoad.* TEST_LIST large_load_tests
  DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300 PROCESSORS 3 LABELS large)
