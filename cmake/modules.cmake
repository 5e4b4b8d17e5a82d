# How a module, a daemon, a tool and a test are declared.
#
#   relevo_library(queue base os ipc)       lib/queue/*.c; may include base, os, ipc and what those export
#   relevo_daemon(smtpd smtpd SOURCES... LIBS service rewrite)
#   relevo_tool(postcat postcat.c LIBS queue)
#   relevo_test(tests/lib/base/str_test.c base)
#   relevo_fuzz(tests/fuzz/smtp_server.c smtp)

# What a source may include is what its target links with, and its own folder.  There is no folder from which
# everything can be reached: each one is entered by a link that stands alone.

set(RELEVO_DAEMON_DIR usr/lib/postfix/sbin)
set(RELEVO_COMMAND_DIR usr/sbin)

# Let `target`, and with PUBLIC who links with it, include "folder/header.h" of lib/folder or of folder.
function(relevo_headers target scope folder)
  set(root ${CMAKE_BINARY_DIR}/include/${folder})
  set(source ${CMAKE_SOURCE_DIR}/lib/${folder})
  if(NOT IS_DIRECTORY ${source})
    set(source ${CMAKE_SOURCE_DIR}/${folder})
  endif()
  if(NOT IS_SYMLINK ${root}/${folder})
    file(MAKE_DIRECTORY ${root})
    file(CREATE_LINK ${source} ${root}/${folder} SYMBOLIC)
  endif()
  target_include_directories(${target} ${scope} ${root})
endfunction()

# The folder of the suite that the current directory belongs to: smtpd for smtpd/qmqpd.
function(relevo_own_headers target scope)
  file(RELATIVE_PATH here ${CMAKE_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  string(REGEX REPLACE "/.*" "" folder ${here})
  relevo_headers(${target} ${scope} ${folder})
endfunction()

function(relevo_library name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
  add_library(relevo_${name} STATIC ${sources})
  relevo_headers(relevo_${name} PUBLIC ${name})
  foreach(dep IN LISTS ARGN)
    target_link_libraries(relevo_${name} PUBLIC relevo_${dep})
  endforeach()
endfunction()

function(relevo_program_ name destination)
  cmake_parse_arguments(P "" "" "LIBS" ${ARGN})
  add_executable(${name} ${P_UNPARSED_ARGUMENTS})
  relevo_own_headers(${name} PRIVATE)
  if(RELEVO_SANITIZE)
    target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/system/sanitizer.c)
  endif()
  foreach(lib IN LISTS P_LIBS)
    target_link_libraries(${name} PRIVATE relevo_${lib})
  endforeach()
  install(TARGETS ${name} RUNTIME DESTINATION ${destination})
endfunction()

function(relevo_daemon name)
  relevo_program_(${name} ${RELEVO_DAEMON_DIR} ${ARGN})
endfunction()

function(relevo_tool name)
  relevo_program_(${name} ${RELEVO_COMMAND_DIR} ${ARGN})
endfunction()

# A cmocka test; its name is its path below tests/.
function(relevo_test source)
  string(REGEX REPLACE "\\.c$" "" name ${source})
  string(REPLACE "/" "." name ${name})
  add_executable(test_${name} ${CMAKE_SOURCE_DIR}/tests/${source})
  target_include_directories(test_${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  foreach(lib IN LISTS ARGN)
    if(TARGET relevo_${lib})
      target_link_libraries(test_${name} PRIVATE relevo_${lib})
    else()
      target_link_libraries(test_${name} PRIVATE ${lib})
    endif()
  endforeach()
  target_link_libraries(test_${name} PRIVATE cmocka)
  add_test(NAME ${name} COMMAND test_${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}/tests)
endfunction()

# A fuzz target: with RELEVO_FUZZ a libFuzzer program, otherwise a test that replays its seed corpus
# (tests/fuzz/corpus/<name>/*) through the same entry point.
function(relevo_fuzz source)
  get_filename_component(name ${source} NAME_WE)
  if(RELEVO_FUZZ)
    add_executable(fuzz_${name} ${CMAKE_SOURCE_DIR}/tests/fuzz/${source})
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  else()
    add_executable(fuzz_${name} ${CMAKE_SOURCE_DIR}/tests/fuzz/${source} ${CMAKE_SOURCE_DIR}/tests/fuzz/replay_main.c)
    add_test(NAME fuzz.${name} COMMAND fuzz_${name} ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
  endif()
  foreach(lib IN LISTS ARGN)
    target_link_libraries(fuzz_${name} PRIVATE relevo_${lib})
  endforeach()
endfunction()
