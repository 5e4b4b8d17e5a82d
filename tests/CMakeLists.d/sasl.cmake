relevo_test(services/connector/dial_test.c dial)
