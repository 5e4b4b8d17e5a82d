# What is pure of it, for tests.
add_library(relevo_account STATIC tokenmgr/account.c)
relevo_own_headers(relevo_account PUBLIC)
target_link_libraries(relevo_account PUBLIC relevo_client relevo_sasl relevo_text)

relevo_daemon(tokenmgr tokenmgr/tokenmgr.c LIBS account service client table)
