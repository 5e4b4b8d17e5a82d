relevo_test(lib/base/str_test.c base)
relevo_test(lib/base/buf_test.c base)
relevo_test(lib/os/fd_test.c os)
relevo_test(lib/rewrite/map_test.c rewrite)
