relevo_test(master/throttle_test.c master_core)
relevo_test(master/start_test.c master_core)
relevo_test(master/endpoint_test.c master_core)
relevo_test(lib/service/scoreboard_test.c service)
relevo_test(lib/service/options_test.c service)
relevo_test(lib/service/crowd_test.c service)

add_executable(toy_daemon ${CMAKE_SOURCE_DIR}/tests/master/toy_daemon.c)
target_link_libraries(toy_daemon PRIVATE relevo_service)
# Needs root and namespaces; says so and passes when it has neither.
add_test(NAME system.master
  COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/system/master_test.py --master $<TARGET_FILE:master>
          --toy $<TARGET_FILE:toy_daemon> --postlogd $<TARGET_FILE:postlogd>)
relevo_test(lib/os/spawn_test.c os)
relevo_test(lib/os/logger_test.c os)
add_test(NAME system.postfix
  COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/system/postfix_test.py --master $<TARGET_FILE:master>
          --toy $<TARGET_FILE:toy_daemon> --postlogd $<TARGET_FILE:postlogd>
          --tools $<TARGET_FILE_DIR:postfix> --source ${CMAKE_SOURCE_DIR})
# What it says of master's sleep needs a machine that does nothing else meanwhile.
set_tests_properties(system.master PROPERTIES RUN_SERIAL TRUE)
