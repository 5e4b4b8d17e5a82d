# The same sessions on this suite and on Debian's Postfix (downloaded, never installed); skipped where that cannot be had.
add_test(NAME system.peer COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/system/peer/peer_test.py ${CMAKE_BINARY_DIR})
add_test(NAME system.log_tools COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/system/log_tools_test.py ${CMAKE_BINARY_DIR})
set_tests_properties(system.log_tools PROPERTIES LABELS system SKIP_RETURN_CODE 77 TIMEOUT 600)
set_tests_properties(system.peer PROPERTIES LABELS system SKIP_RETURN_CODE 77 TIMEOUT 1200 COST 200)
