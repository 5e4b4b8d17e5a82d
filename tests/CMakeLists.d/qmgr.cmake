relevo_test(qmgr/feedback_test.c qmgr)
relevo_test(qmgr/schedule_test.c qmgr)
relevo_test(qmgr/schedule_cost_test.c qmgr)
relevo_test(qmgr/traffic_test.c qmgr)
relevo_test(qmgr/backoff_test.c qmgr)
relevo_test(qmgr/envelope_test.c qmgr)
relevo_test(services/bounce_report_test.c bounce)
relevo_test(services/bounce_template_test.c bounce)
relevo_fuzz(envelope.c qmgr)
relevo_fuzz(bounce_template.c bounce)

find_package(Python3 COMPONENTS Interpreter)
if(Python3_FOUND)
  add_test(NAME qmgr.daemon
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/qmgr/daemon_test.py $<TARGET_FILE:qmgr>)
  add_test(NAME services.bounce.daemon
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/services/bounce_daemon_test.py $<TARGET_FILE:bounce>)
endif()
