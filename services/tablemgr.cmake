relevo_daemon(tablemgr tablemgr.c LIBS service table)
