relevo_daemon(anvil anvil.c LIBS service)
