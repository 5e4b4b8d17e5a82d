relevo_daemon(stsmgr stsmgr/stsmgr.c LIBS service client dns table text)
