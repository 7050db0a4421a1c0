# dpucc_library(), dpucc_program(), dpucc_test() and dpucc_fuzzer() keep the per-directory
# files plain lists. Everything about flags lives here.

option(DPUCC_WERROR "Treat warnings as errors" OFF)
option(DPUCC_FUZZ "Build the libFuzzer targets (clang only)" OFF)
set(DPUCC_SANITIZE "" CACHE STRING "e.g. address,undefined or thread")

add_library(dpucc_flags INTERFACE)
target_include_directories(dpucc_flags INTERFACE
  ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/lib ${PROJECT_BINARY_DIR}/lib)
target_compile_features(dpucc_flags INTERFACE c_std_11)
target_compile_definitions(dpucc_flags INTERFACE _GNU_SOURCE _FILE_OFFSET_BITS=64
  DPUCC_VERSION="${PROJECT_VERSION}")
target_compile_options(dpucc_flags INTERFACE
  -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes -Wshadow -Wswitch-enum -Wvla
  -Wformat=2 -Wundef -Wpointer-arith -Wwrite-strings $<$<BOOL:${DPUCC_WERROR}>:-Werror>)
# Two that are wrong more often than right with optimisation: snprintf() is used *because* it
# truncates, and gcc does not see that problem_set() returns the error it was given. (clang,
# valgrind and the sanitizers look for uninitialised values all the same.)
target_compile_options(dpucc_flags INTERFACE
  $<$<C_COMPILER_ID:GNU>:-Wno-format-truncation> $<$<C_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
if(DPUCC_SANITIZE)
  target_compile_options(dpucc_flags INTERFACE
    -fsanitize=${DPUCC_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(dpucc_flags INTERFACE -fsanitize=${DPUCC_SANITIZE})
endif()
if(DPUCC_FUZZ)
  target_compile_options(dpucc_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# dpucc_library(NAME SOURCES a.c b.c DEPS other libs)
function(dpucc_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC dpucc_flags ${arg_DEPS})
endfunction()

# dpucc_program(NAME SOURCES main.c DEPS libs): built into bin/, installed
function(dpucc_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE dpucc_flags ${arg_DEPS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# dpucc_protobuf(NAME schema.proto): a library of generated code, without our warnings.
# The header is included as "<folder below lib>/<schema>.pb-c.h".
function(dpucc_protobuf name schema)
  get_filename_component(stem ${schema} NAME_WE)
  set(generated ${CMAKE_CURRENT_BINARY_DIR}/${stem}.pb-c)
  add_custom_command(
    OUTPUT ${generated}.c ${generated}.h
    COMMAND ${DPUCC_PROTOC_C} --c_out=${CMAKE_CURRENT_BINARY_DIR}
            -I ${CMAKE_CURRENT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/${schema}
    DEPENDS ${schema}
    VERBATIM)
  add_library(${name} STATIC ${generated}.c ${generated}.h)
  target_include_directories(${name} PUBLIC ${PROJECT_BINARY_DIR}/lib PRIVATE ${CMAKE_CURRENT_BINARY_DIR})
  target_link_libraries(${name} PUBLIC PkgConfig::protobufc)
  if(DPUCC_SANITIZE)
    target_compile_options(${name} PRIVATE -fsanitize=${DPUCC_SANITIZE})
  endif()
endfunction()

# dpucc_test(test-noun LABELS unit DEPS libs [SOURCES extra.c] [LINK options]): one cmocka
# program per source file. Exit status 77 is a skip; the reason is on stderr.
function(dpucc_test name)
  cmake_parse_arguments(arg "" "TIMEOUT" "DEPS;LABELS;SOURCES;LINK" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300) # a hang is found all the same; a busy machine is none
  endif()
  add_executable(${name} ${name}.c ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_DEPS} PkgConfig::cmocka)
  target_link_options(${name} PRIVATE ${arg_LINK})
  target_compile_definitions(${name} PRIVATE
    TEST_SOURCE_DIR="${PROJECT_SOURCE_DIR}" TEST_BINARY_DIR="${PROJECT_BINARY_DIR}")
  add_test(NAME unit.${name} COMMAND ${name})
  set_tests_properties(unit.${name} PROPERTIES
    TIMEOUT ${arg_TIMEOUT} SKIP_RETURN_CODE 77 LABELS "${arg_LABELS}")
endfunction()

# dpucc_fuzzer(fuzz-noun DEPS libs [SOURCES more.c]): the same source is a libFuzzer target under DPUCC_FUZZ
# and, everywhere else, a program that replays tests/fuzz/corpus/<noun>/ as an ordinary test.
# MUTATOR names a source that makes new inputs of old ones, for libFuzzer only.
# The target `fuzzers` builds them all and nothing else.
add_custom_target(fuzzers)
function(dpucc_fuzzer name)
  cmake_parse_arguments(arg "" "MUTATOR" "DEPS;SOURCES" ${ARGN})
  string(REPLACE "fuzz-" "" noun ${name})
  if(DPUCC_FUZZ)
    add_executable(${name} ${name}.c ${arg_SOURCES} ${arg_MUTATOR})
    add_dependencies(fuzzers ${name})
    if(arg_MUTATOR)
      target_link_libraries(${name} PRIVATE graph_tree)
    endif()
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  else()
    add_executable(${name} ${name}.c ${arg_SOURCES} replay.c)
    add_test(NAME fuzz.${noun}
             COMMAND ${name} ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${noun})
    set_tests_properties(fuzz.${noun} PROPERTIES TIMEOUT 300 LABELS unit)
  endif()
  target_link_libraries(${name} PRIVATE ${arg_DEPS} base)
endfunction()
