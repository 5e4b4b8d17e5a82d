relevo_test(lib/tls/words_test.c tls_core tls)
relevo_test(lib/tls/keys_test.c tls_core tls)
relevo_test(lib/os/watch_test.c os)
