# The package and the setup, as far as nothing has to be installed; tests/package/run does the rest.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
foreach(name IN ITEMS debian install site questions setup helpers)
  add_test(NAME package.${name}
    COMMAND Python3::Interpreter ${CMAKE_SOURCE_DIR}/tests/package/${name}_test.py ${CMAKE_BINARY_DIR}/tools)
  set_tests_properties(package.${name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 300 LABELS system)
endforeach()
