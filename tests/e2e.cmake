# e2e: tests/e2e/<name>_test.py runs the program against real files and a real DynamoDB Local.
# One test per case: e2e.<name>.<case>, for `def test_<case>(self` in class Cases.
file(GLOB e2e_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/e2e/*_test.py)
foreach(source ${e2e_sources})
  cmake_path(GET source STEM name)
  string(REGEX REPLACE "_test$" "" name ${name})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
  file(STRINGS ${source} lines REGEX "^    def test_[a-z0-9_]+\\(self")
  foreach(line ${lines})
    string(REGEX REPLACE "^    def test_([a-z0-9_]+)\\(.*" "\\1" case "${line}")
    add_test(NAME e2e.${name}.${case} COMMAND ${Python3_EXECUTABLE} ${source} Cases.test_${case})
    set_tests_properties(e2e.${name}.${case} PROPERTIES LABELS e2e TIMEOUT 300
      ENVIRONMENT "KEEPONE_PROGRAM=$<TARGET_FILE:keepone>;PYTHONDONTWRITEBYTECODE=1")
  endforeach()
endforeach()
