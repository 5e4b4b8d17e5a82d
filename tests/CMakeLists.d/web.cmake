# What asks web servers, against servers of the tests' own.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
foreach(name IN ITEMS oauth mta_sts)
  add_test(NAME system.${name}
    COMMAND Python3::Interpreter ${CMAKE_SOURCE_DIR}/tests/system/${name}_test.py ${CMAKE_BINARY_DIR})
  set_tests_properties(system.${name} PROPERTIES LABELS system TIMEOUT 600 SKIP_RETURN_CODE 77)
endforeach()
