find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME tree.layers COMMAND Python3::Interpreter ${CMAKE_SOURCE_DIR}/tests/tree/layers_test.py ${CMAKE_BINARY_DIR})
if(NOT RELEVO_SANITIZE) # sanitizers add calls of their own
  add_test(NAME tree.pure COMMAND Python3::Interpreter ${CMAKE_SOURCE_DIR}/tests/tree/pure_test.py ${CMAKE_BINARY_DIR})
endif()
add_test(NAME tree.trust COMMAND Python3::Interpreter ${CMAKE_SOURCE_DIR}/tests/tree/trust_test.py)
add_test(NAME tree.man COMMAND Python3::Interpreter ${CMAKE_SOURCE_DIR}/tests/tree/man_test.py ${CMAKE_BINARY_DIR})
add_test(NAME tree.flags COMMAND Python3::Interpreter ${CMAKE_SOURCE_DIR}/tests/tree/flags_test.py)
add_test(NAME tree.unused COMMAND Python3::Interpreter ${CMAKE_SOURCE_DIR}/tests/tree/unused_test.py)
