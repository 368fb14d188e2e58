# cluster: the image is built, and containers of it play the pods of a job: cluster.<name>.  That
# needs root.  KEEPONE_NO_CONTAINERS=1 leaves these tests out where no container can run.
if(NOT "$ENV{KEEPONE_NO_CONTAINERS}" STREQUAL "1")
  add_test(NAME cluster.build COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/support/container_image)
  set_tests_properties(cluster.build PROPERTIES LABELS cluster TIMEOUT 600
    FIXTURES_SETUP container_image)
  file(GLOB cluster_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/cluster/*_test.py)
  foreach(source ${cluster_sources})
    cmake_path(GET source STEM name)
    string(REGEX REPLACE "_test$" "" name ${name})
    add_test(NAME cluster.${name} COMMAND ${Python3_EXECUTABLE} ${source} --verbose)
    set_tests_properties(cluster.${name} PROPERTIES LABELS cluster TIMEOUT 400
      FIXTURES_REQUIRED container_image ENVIRONMENT "PYTHONDONTWRITEBYTECODE=1")
  endforeach()
endif()
