relevo_daemon(flush flush/flush.c flush/site_log.c LIBS service client queue table)
