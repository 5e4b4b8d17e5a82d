relevo_test(smtpd/access_test.c smtpd_core)
relevo_test(smtpd/parts_test.c smtpd_core)
relevo_test(lib/smtp/haproxy_test.c smtp)
relevo_fuzz(haproxy.c smtp)

find_package(Python3 COMPONENTS Interpreter)
if(Python3_FOUND)
  add_test(NAME services.anvil
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/services/anvil_test.py $<TARGET_FILE:anvil>)
  foreach(name dialogue session)
    add_test(NAME smtpd.${name}
      COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/smtpd/${name}_test.py $<TARGET_FILE:smtpd>)
  endforeach()
endif()
