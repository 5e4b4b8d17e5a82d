relevo_daemon(trivial-rewrite trivial-rewrite.c LIBS service rewrite)
