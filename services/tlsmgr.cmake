relevo_daemon(tlsmgr tlsmgr.c LIBS service table tls client)
