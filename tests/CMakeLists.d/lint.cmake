# Layout and clang-tidy.  Exit status 77: the tool is not installed here (test.sh installs it).
cmake_host_system_information(RESULT cores QUERY NUMBER_OF_LOGICAL_CORES)
add_test(NAME tree.format COMMAND ${CMAKE_SOURCE_DIR}/cmake/format.sh)
set_tests_properties(tree.format PROPERTIES LABELS lint SKIP_RETURN_CODE 77)
if(CMAKE_EXPORT_COMPILE_COMMANDS)
  add_test(NAME tree.tidy COMMAND ${CMAKE_SOURCE_DIR}/cmake/lint.sh ${CMAKE_BINARY_DIR})
  set_tests_properties(tree.tidy PROPERTIES LABELS lint SKIP_RETURN_CODE 77 TIMEOUT 1800 PROCESSORS ${cores})
endif()
