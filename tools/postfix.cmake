relevo_tool(postfix postfix.c LIBS conf)
foreach(script IN ITEMS postfix-script postfix-tls-script post-install postfix-chroot)
  install(PROGRAMS ${CMAKE_CURRENT_SOURCE_DIR}/${script} DESTINATION ${RELEVO_DAEMON_DIR})
endforeach()
