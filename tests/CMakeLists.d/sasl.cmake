relevo_test(services/connector/dial_test.c dial)
relevo_test(lib/sasl/properties_test.c sasl)
relevo_test(lib/sasl/dovecot_test.c sasl)
relevo_fuzz(dovecot.c sasl)
