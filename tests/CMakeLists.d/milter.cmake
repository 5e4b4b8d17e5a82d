# lib/milter
relevo_test(lib/milter/milter_test.c milter)
relevo_test(lib/milter/config_test.c milter)

relevo_fuzz(milter.c milter)
