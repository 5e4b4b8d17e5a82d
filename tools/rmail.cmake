# Where Debian has it: UUCP looks for it in /usr/bin.
install(PROGRAMS ${CMAKE_CURRENT_SOURCE_DIR}/rmail DESTINATION ${RELEVO_COMMAND_DIR})
install(PROGRAMS ${CMAKE_CURRENT_SOURCE_DIR}/rmail DESTINATION usr/bin)
