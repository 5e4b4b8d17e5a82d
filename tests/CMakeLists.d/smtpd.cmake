relevo_test(smtpd/access_test.c smtpd_core)
