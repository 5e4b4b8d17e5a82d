install(PROGRAMS ${CMAKE_CURRENT_SOURCE_DIR}/postfix-add-filter ${CMAKE_CURRENT_SOURCE_DIR}/postfix-add-policy
  ${CMAKE_CURRENT_SOURCE_DIR}/postfix-collate ${CMAKE_CURRENT_SOURCE_DIR}/postfix-takeover
  DESTINATION ${RELEVO_COMMAND_DIR})
