# lint: the rules of the house that a script can check; lint.<rule> is tests/lint/<rule>.py.
# Each rule first proves on small trees of its own that it can fail.
find_program(CLANG_FORMAT NAMES clang-format-14 clang-format)
get_directory_property(warnings DIRECTORY ${CMAKE_SOURCE_DIR} COMPILE_OPTIONS)
get_directory_property(definitions DIRECTORY ${CMAKE_SOURCE_DIR} COMPILE_DEFINITIONS)
list(TRANSFORM definitions PREPEND -D)
set(lint_headers_arguments ${CMAKE_C_COMPILER} ${definitions} ${warnings})
set(lint_format_arguments ${CLANG_FORMAT})

file(GLOB rules CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/lint/*.py)
list(FILTER rules EXCLUDE REGEX "/lint\\.py$")
foreach(source ${rules})
  cmake_path(GET source STEM rule)
  add_test(NAME lint.${rule} COMMAND ${Python3_EXECUTABLE} -B ${source} ${CMAKE_SOURCE_DIR}
                                     ${lint_${rule}_arguments})
  set_tests_properties(lint.${rule} PROPERTIES LABELS lint TIMEOUT 60)
endforeach()
