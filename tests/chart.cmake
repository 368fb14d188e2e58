# chart: tests/chart/<name>_test.py renders the Helm chart: chart.<name>.  One case:
# tests/chart/<name>_test.py Cases.test_...
file(GLOB chart_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/chart/*_test.py)
foreach(source ${chart_sources})
  cmake_path(GET source STEM name)
  string(REGEX REPLACE "_test$" "" name ${name})
  add_test(NAME chart.${name} COMMAND ${Python3_EXECUTABLE} ${source} --verbose)
  set_tests_properties(chart.${name} PROPERTIES LABELS chart TIMEOUT 300
    ENVIRONMENT "KEEPONE_PROGRAM=$<TARGET_FILE:keepone>;PYTHONDONTWRITEBYTECODE=1")
endforeach()

# The schema in the chart is what the option table makes.
add_test(NAME chart.schema COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/scripts/chart-schema
                                   --check $<TARGET_FILE:keepone>)
set_tests_properties(chart.schema PROPERTIES LABELS "chart;lint" TIMEOUT 60)
