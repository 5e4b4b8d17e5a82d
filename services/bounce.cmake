# The texts of reports, for the daemon, for postconf -t and -b, and for tests.
add_library(relevo_bounce STATIC bounce/report.c bounce/template.c bounce/values.c)
relevo_own_headers(relevo_bounce PUBLIC)
target_link_libraries(relevo_bounce PUBLIC relevo_text relevo_ipc relevo_conf)

relevo_daemon(bounce
  bounce/bounce.c bounce/log.c bounce/notify.c bounce/original.c
  LIBS bounce service client queue text)
