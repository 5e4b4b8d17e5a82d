relevo_daemon(scache scache.c LIBS service)
