relevo_tool(postfix postfix.c LIBS conf)
# What belongs to whom; post-install reads it.
install(FILES ${CMAKE_CURRENT_SOURCE_DIR}/postfix-files DESTINATION ${RELEVO_DAEMON_DIR})
foreach(script IN ITEMS postfix-script postfix-tls-script postfix-non-bdb-script post-install postfix-chroot)
  install(PROGRAMS ${CMAKE_CURRENT_SOURCE_DIR}/${script} DESTINATION ${RELEVO_DAEMON_DIR})
endforeach()
