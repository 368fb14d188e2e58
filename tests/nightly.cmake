# nightly: tests/nightly/<name>_test.py, what takes too long for every run: ctest -L nightly.
file(GLOB nightly_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/nightly/*_test.py)
foreach(source ${nightly_sources})
  cmake_path(GET source STEM name)
  string(REGEX REPLACE "_test$" "" name ${name})
  add_test(NAME nightly.${name} COMMAND ${Python3_EXECUTABLE} ${source} --verbose)
  set_tests_properties(nightly.${name} PROPERTIES LABELS nightly TIMEOUT 7200 RUN_SERIAL ON
    ENVIRONMENT "KEEPONE_PROGRAM=$<TARGET_FILE:keepone>;PYTHONDONTWRITEBYTECODE=1")
endforeach()
