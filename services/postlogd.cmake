relevo_daemon(postlogd postlogd.c LIBS service)
