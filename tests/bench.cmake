# The comparison, its figures and what is said of them, and whatever compares files and texts:
# one thread at a time.
add_executable(campaign_table_test
  campaign_ceiling_test.cpp campaign_order_test.cpp campaign_precision_test.cpp
  campaign_row_test.cpp campaign_table_test.cpp
  experiment_test.cpp given_up_test.cpp http_campaign_test.cpp offered_load_test.cpp
  status_line_test.cpp
  threshold_test.cpp)
target_link_libraries(campaign_table_test PRIVATE echolab_bench GTest::gtest_main)
gtest_discover_tests(campaign_table_test PROPERTIES TIMEOUT 60 LABELS unit)

add_executable(machine_test machine_test.cpp topology_test.cpp)
target_link_libraries(machine_test PRIVATE echolab_bench GTest::gtest_main)
gtest_discover_tests(machine_test PROPERTIES TIMEOUT 60 LABELS unit)

add_executable(tuning_test tuning_test.cpp)
target_link_libraries(tuning_test PRIVATE echolab_bench GTest::gtest_main)
gtest_discover_tests(tuning_test PROPERTIES TIMEOUT 60 LABELS unit)

add_executable(inference_test inference_test.cpp precision_test.cpp)
target_link_libraries(inference_test PRIVATE echolab_bench GTest::gtest_main)
gtest_discover_tests(inference_test PROPERTIES TIMEOUT 60 LABELS unit)

add_executable(series_test
  census_test.cpp machine_use_test.cpp process_tree_test.cpp series_test.cpp)
target_link_libraries(series_test PRIVATE echolab_bench GTest::gtest_main)
gtest_discover_tests(series_test PROPERTIES TIMEOUT 60 LABELS unit)

# In the folder of all programs: a contestant is looked for beside who starts it.
add_executable(contestant_test contestant_test.cpp guarded_process_test.cpp trial_test.cpp)
set_target_properties(contestant_test PROPERTIES
  RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
target_link_libraries(contestant_test PRIVATE echolab_bench GTest::gtest_main)
add_dependencies(contestant_test echo_load echo_server)
gtest_discover_tests(contestant_test PROPERTIES TIMEOUT 60 PROCESSORS 3)

# What statistics_test.py holds against scipy and against the report.
add_executable(median_interval median_interval.cpp)
target_link_libraries(median_interval PRIVATE echolab_bench)
add_executable(judged_campaign judged_campaign.cpp)  # the same for rule_test.py
target_link_libraries(judged_campaign PRIVATE echolab_bench)

add_python_test(command_line command_line_test.py 600)

# The bare servers and the bare load serve and run, so that they cannot rot.
add_python_test(baselines baselines_test.py 120)
add_python_test(assertion assertion_test.py 120)
add_python_test(doctor doctor_test.py 120)
add_python_test(compare_trouble compare_trouble_test.py 600)
# Texts, and brief windows in which a sanitized server may answer nobody: the runner's own
# code has the sanitizers in what is above and in the parts alone.
if(NOT ECHOLAB_SANITIZE)
  add_python_test(option_tree option_tree_test.py 300)
  add_python_test(compare compare_test.py 600)
  add_python_test(compare_http compare_http_test.py 600)
  add_python_test(experiments experiments_test.py 600)
  add_python_test(tuned_campaign tuned_campaign_test.py 600)
  add_python_test(scripts scripts_test.py 200)
  add_python_test(readme readme_test.py 200)
  add_python_test(documents documents_test.py 600)
  add_python_test(examples examples_test.py 600)
endif()
add_python_test(histogram_files histogram_files_test.py 200)
add_python_test(load_merge load_merge_test.py 200)
add_python_test(search search_test.py 300)
