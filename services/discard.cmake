relevo_daemon(discard discard.c LIBS delivery)
