file(GLOB postmulti_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/postmulti/*.c)
relevo_tool(postmulti ${postmulti_sources} LIBS conf text)
install(PROGRAMS ${CMAKE_CURRENT_SOURCE_DIR}/postmulti-script ${CMAKE_CURRENT_SOURCE_DIR}/postfix-wrapper
  DESTINATION ${RELEVO_DAEMON_DIR})
