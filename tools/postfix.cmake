relevo_tool(postfix postfix.c LIBS conf)
install(PROGRAMS ${CMAKE_CURRENT_SOURCE_DIR}/postfix-script ${CMAKE_CURRENT_SOURCE_DIR}/post-install
  DESTINATION ${RELEVO_DAEMON_DIR})
