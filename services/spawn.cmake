relevo_daemon(spawn spawn.c LIBS delivery)
