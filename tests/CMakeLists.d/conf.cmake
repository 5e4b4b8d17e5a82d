relevo_test(lib/conf/expand_test.c conf)
relevo_test(lib/conf/idna_test.c conf)
relevo_test(lib/conf/conf_test.c conf)
relevo_test(lib/conf/params_test.c conf)
relevo_test(lib/conf/check_test.c conf)
relevo_test(lib/conf/master_cf_test.c conf)
relevo_test(lib/conf/own_networks_test.c conf)
relevo_fuzz(main_cf.c conf)
relevo_fuzz(conf_expand.c conf)
relevo_fuzz(master_cf.c conf)

find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME tools.postconf
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/tools/postconf_test.py $<TARGET_FILE:postconf>)
add_test(NAME tools.tls_command
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/tools/tls_command_test.py ${CMAKE_SOURCE_DIR}/tools/postfix-tls-script
  $<TARGET_FILE:postconf> $<TARGET_FILE:postlog>)
set_tests_properties(tools.tls_command PROPERTIES SKIP_RETURN_CODE 77)
add_test(NAME tools.traffic
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/tools/traffic_test.py $<TARGET_FILE_DIR:smtp-sink>)
add_test(NAME tools.qshape
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/tools/qshape_test.py $<TARGET_FILE:qshape>)
add_test(NAME tools.explain
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/tools/explain_test.py $<TARGET_FILE:postfix-explain>)
add_test(NAME tools.post_install
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/tools/post_install_test.py ${CMAKE_SOURCE_DIR}/tools/post-install $<TARGET_FILE:postconf>)
add_test(NAME tools.rmail
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/tools/rmail_test.py ${CMAKE_SOURCE_DIR}/tools/rmail)
add_test(NAME tools.postlock
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/tools/postlock_test.py $<TARGET_FILE:postlock>)
set_tests_properties(tools.postlock PROPERTIES SKIP_RETURN_CODE 77)
add_test(NAME tree.parameters_page
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/docs/parameters/generate.py --check)
add_test(NAME tree.default_types
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/tree/default_types_test.py $<TARGET_FILE:postconf>)
