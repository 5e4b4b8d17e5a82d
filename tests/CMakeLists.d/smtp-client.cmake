relevo_test(smtp-client/destination_test.c smtp_client)
relevo_test(smtp-client/order_test.c smtp_client)
relevo_test(smtp-client/fault_test.c smtp_client)
relevo_test(lib/dns/answer_test.c dns)
relevo_fuzz(dns_answer.c dns)

find_package(Python3 COMPONENTS Interpreter)
if(Python3_FOUND)
  foreach(part IN ITEMS dialogue routing)
    add_test(NAME smtp-client.${part}
      COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/smtp-client/${part}_test.py $<TARGET_FILE:smtp>)
    set_tests_properties(smtp-client.${part} PROPERTIES SKIP_RETURN_CODE 77)
  endforeach()
endif()
