relevo_daemon(showq showq.c LIBS service queue)
