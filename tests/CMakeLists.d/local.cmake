relevo_test(lib/delivery/log_line_test.c delivery)
relevo_test(lib/delivery/copy_test.c delivery)
relevo_test(lib/delivery/store_test.c delivery)
relevo_test(lib/text/macro_test.c text)
relevo_test(lib/delivery/command_test.c delivery)
relevo_test(local/destination_list_test.c local_parts)
relevo_test(local/mandate_test.c local_parts)
relevo_test(local/pipe_test.c local_parts)
relevo_fuzz(destination_list.c local_parts)

find_package(Python3 COMPONENTS Interpreter)
if(Python3_FOUND)
  add_test(NAME local.daemons
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/local/daemon_test.py $<TARGET_FILE:local> $<TARGET_FILE:virtual>
            $<TARGET_FILE:pipe> $<TARGET_FILE:error> $<TARGET_FILE:discard>)
  set_tests_properties(local.daemons PROPERTIES SKIP_RETURN_CODE 77)
endif()
relevo_fuzz(delivery_request.c delivery)
