# What is known of an address, for the daemon and for tests.
add_library(relevo_verify STATIC verify/entry.c)
relevo_own_headers(relevo_verify PUBLIC)
target_link_libraries(relevo_verify PUBLIC relevo_client)

relevo_daemon(verify verify/verify.c verify/probe.c LIBS verify service client queue table)
