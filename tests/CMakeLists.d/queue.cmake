foreach(test IN ITEMS record queue_id dir file writer spare seal notify)
  relevo_test(lib/queue/${test}_test.c queue)
endforeach()
relevo_fuzz(queue_record.c queue)
relevo_fuzz(queue_file.c queue)

relevo_test(lib/client/cleanup_test.c client)
relevo_test(lib/text/escape_test.c text)
relevo_test(cleanup/held_test.c cleanup_core)
relevo_fuzz(cleanup_message.c queue)
target_link_libraries(fuzz_cleanup_message PRIVATE cleanup_core)

find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME cleanup.cleanup_test
  COMMAND Python3::Interpreter ${CMAKE_SOURCE_DIR}/tests/cleanup/cleanup_test.py $<TARGET_FILE:cleanup>)
add_test(NAME system.crash.cleanup
  COMMAND Python3::Interpreter ${CMAKE_SOURCE_DIR}/tests/system/crash/cleanup_crash.py $<TARGET_FILE:cleanup>)
set_tests_properties(system.crash.cleanup PROPERTIES SKIP_RETURN_CODE 77)
