# From an endpoint to a connection, for the daemon and for tests.
add_library(relevo_dial STATIC connector/dial.c)
relevo_own_headers(relevo_dial PUBLIC)
target_link_libraries(relevo_dial PUBLIC relevo_dns)

relevo_daemon(connector connector/connector.c LIBS dial service ipc)
