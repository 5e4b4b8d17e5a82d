relevo_test(smtpd/qmqp_package_test.c qmqp)
relevo_fuzz(qmqp_package.c qmqp)
