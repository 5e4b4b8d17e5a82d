# A hundred hosts and all that they do to mail, and what was found that way.
relevo_test(lib/dns/resolv_test.c dns)
relevo_test(lib/queue/requeue_test.c queue)
find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME system.hundred_hosts
  COMMAND Python3::Interpreter ${CMAKE_SOURCE_DIR}/tests/system/hundred_hosts_test.py ${CMAKE_BINARY_DIR})
set_tests_properties(system.hundred_hosts PROPERTIES LABELS system TIMEOUT 900 COST 200 SKIP_RETURN_CODE 77)
