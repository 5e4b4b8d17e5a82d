relevo_test(smtpd/qmqp_package_test.c qmqp)
