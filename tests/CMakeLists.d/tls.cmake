relevo_test(lib/tls/words_test.c tls_core tls)
