# The promises that every model keeps, held against a running echo_server.
add_executable(promises_test
  promises_stream_test.cpp promises_resources_test.cpp promises_exhaustion_test.cpp
  promises_company_test.cpp promises_datagram_test.cpp promises_killed_test.cpp
  promises_label_test.cpp promises_lifecycle_test.cpp promises_start_test.cpp
  promises_work_test.cpp
  datagram_client.cpp
  promises.cpp plain_client.cpp process_tree.cpp server_process.cpp)
target_link_libraries(promises_test PRIVATE echolab_models GTest::gtest_main)
target_compile_definitions(promises_test PRIVATE
  ECHO_SERVER="$<TARGET_FILE:echo_server>")
add_dependencies(promises_test echo_server)

# One ctest per model, so that they run side by side and name the one that broke its
# promise. A filter that matches nothing is a failure, not a success.
function(add_promises name filter)
  add_test(NAME promises.${name} COMMAND promises_test --gtest_filter=${filter})
  set_tests_properties(promises.${name} PROPERTIES
    TIMEOUT 300 FAIL_REGULAR_EXPRESSION "Running 0 tests")
endfunction()

add_promises(start "StartPromise.*:TransportPromise.*")
set(stream_transports tcp4 tcp6 unix)
if(ECHOLAB_SANITIZE)  # they look at a model's code, which is the same over IPv6
  set(stream_transports tcp4 unix)
endif()
file(STRINGS ${CMAKE_SOURCE_DIR}/servers/models.def stream_rows
  REGEX "^MODEL\\([a-z0-9_]+, [a-z_]+, [a-z_]*stream")
foreach(row IN LISTS stream_rows)
  string(REGEX REPLACE "^MODEL\\(([a-z0-9_]+),.*" "\\1" model "${row}")
  list(TRANSFORM stream_transports PREPEND "*/${model}_" OUTPUT_VARIABLE filters)
  list(JOIN filters ":" filter)
  add_promises(${model} "${filter}")
endforeach()

file(STRINGS ${CMAKE_SOURCE_DIR}/servers/models.def datagram_rows
  REGEX "^MODEL\\([a-z0-9_]+, [a-z_]+, [a-z_]*datagram")
foreach(row IN LISTS datagram_rows)
  string(REGEX REPLACE "^MODEL\\(([a-z0-9_]+),.*" "\\1" model "${row}")
  add_promises(${model}.datagram "*/${model}_udp4:*/${model}_udp6:*/${model}_unixgram")
endforeach()
