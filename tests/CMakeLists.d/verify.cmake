relevo_test(services/verify/entry_test.c verify)
relevo_test(lib/client/verify_sender_test.c client)
