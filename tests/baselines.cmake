# The bare servers and the bare load serve and run, so that they cannot rot.
add_test(NAME baselines
  COMMAND /usr/bin/python3 -B ${CMAKE_CURRENT_SOURCE_DIR}/baselines_test.py)
set_tests_properties(baselines PROPERTIES
  TIMEOUT 120 PROCESSORS 3 ENVIRONMENT "ECHOLAB_BIN=${CMAKE_BINARY_DIR}")
