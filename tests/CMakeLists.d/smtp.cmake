# lib/text and lib/smtp
relevo_test(lib/text/address_test.c text)
relevo_test(lib/text/format_test.c text)
relevo_test(lib/text/mime_test.c text)
relevo_test(lib/smtp/data_test.c smtp)
relevo_test(lib/smtp/dialogue_test.c smtp)
relevo_test(lib/smtp/client_test.c smtp)

relevo_fuzz(address.c text)
relevo_fuzz(mime.c text)
relevo_fuzz(xtext.c text)
relevo_fuzz(smtp_client.c smtp)
relevo_fuzz(smtp_data.c smtp)
relevo_fuzz(smtp_server.c smtp)
