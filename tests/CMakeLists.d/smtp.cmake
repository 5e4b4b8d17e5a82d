# lib/text and lib/smtp
relevo_test(lib/smtp/data_test.c smtp)

relevo_fuzz(smtp_data.c smtp)
