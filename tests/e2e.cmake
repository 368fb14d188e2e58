# e2e: tests/e2e/<name>_test.py runs the program against real files and a real DynamoDB Local, one
# server for all cases of a file: e2e.<name>.  One case: tests/e2e/<name>_test.py Cases.test_...
file(GLOB e2e_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/e2e/*_test.py)
foreach(source ${e2e_sources})
  cmake_path(GET source STEM name)
  string(REGEX REPLACE "_test$" "" name ${name})
  add_test(NAME e2e.${name} COMMAND ${Python3_EXECUTABLE} ${source} --verbose)
  set_tests_properties(e2e.${name} PROPERTIES LABELS e2e TIMEOUT 600
    ENVIRONMENT "KEEPONE_PROGRAM=$<TARGET_FILE:keepone>;PYTHONDONTWRITEBYTECODE=1")
  if(name STREQUAL "capacity") # its cases measure rates
    set_tests_properties(e2e.${name} PROPERTIES RUN_SERIAL ON)
  endif()
endforeach()
