relevo_daemon(error error.c LIBS delivery)
