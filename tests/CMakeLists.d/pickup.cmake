relevo_test(lib/queue/bounce_log_test.c queue)
