# fuzz: tests/fuzz/fuzz_<name>.c with the inputs in tests/fuzz/corpus/<name>, one test per reader.
#
# Everywhere, fuzz.<name> replays the corpus and 5,000 mutations, the same in every run.
# With -DKEEPONE_FUZZ=ON and clang they are libFuzzer programs under the sanitizers, and
# nightly.fuzz.<name> searches for KEEPONE_FUZZ_SECONDS, starting from the corpus:
#
#     cmake -B build-fuzz -DCMAKE_C_COMPILER=clang -DKEEPONE_FUZZ=ON && cmake --build build-fuzz
#     ctest --test-dir build-fuzz -L nightly
#
# What a search meets is kept in <build>/fuzz/<name>, an input that fails beside it.
set(KEEPONE_FUZZ_SECONDS 60 CACHE STRING "how long nightly.fuzz.<name> searches")

if(KEEPONE_FUZZ)
  if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "KEEPONE_FUZZ needs clang: add -DCMAKE_C_COMPILER=clang")
  endif()
  set(fuzz_sanitize address,undefined)
  foreach(module base format record store aws comm stage job)
    target_compile_options(ko_${module} PUBLIC -fsanitize=${fuzz_sanitize},fuzzer-no-link
                           -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(ko_${module} PUBLIC -fsanitize=${fuzz_sanitize})
  endforeach()
else()
  add_library(fuzz_replay OBJECT fuzz/replay.c)
endif()

file(GLOB fuzz_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/fuzz_*.c)
foreach(source ${fuzz_sources})
  cmake_path(GET source STEM target)
  string(REGEX REPLACE "^fuzz_" "" name ${target})
  set(corpus ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus/${name})
  file(GLOB inputs CONFIGURE_DEPENDS ${corpus}/*)
  if(NOT inputs)
    message(FATAL_ERROR "${target} has no corpus: ${corpus}")
  endif()

  add_executable(${target} ${source})
  target_link_options(${target} PRIVATE -Wl,--as-needed) # most need no MPI, curl or YAML
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  if(KEEPONE_FUZZ)
    target_link_libraries(${target} PRIVATE ko_job -fsanitize=fuzzer)
    set(found ${CMAKE_BINARY_DIR}/fuzz/${name})
    file(MAKE_DIRECTORY ${found})
    add_test(NAME fuzz.${name} COMMAND ${target} -runs=0 ${corpus})
    add_test(NAME nightly.fuzz.${name} COMMAND ${target} -max_total_time=${KEEPONE_FUZZ_SECONDS}
             -timeout=10 -print_final_stats=1 -artifact_prefix=${found}. ${found} ${corpus})
    math(EXPR timeout "${KEEPONE_FUZZ_SECONDS} + 60")
    set_tests_properties(nightly.fuzz.${name} PROPERTIES LABELS nightly TIMEOUT ${timeout})
  else()
    target_link_libraries(${target} PRIVATE fuzz_replay ko_job)
    add_test(NAME fuzz.${name} COMMAND ${target} 5000 ${inputs})
  endif()
  set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT 60)
endforeach()
