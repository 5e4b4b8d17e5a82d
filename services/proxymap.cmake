relevo_daemon(proxymap proxymap.c LIBS service table)
