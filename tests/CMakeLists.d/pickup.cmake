relevo_test(lib/queue/bounce_log_test.c queue)
relevo_test(lib/queue/listing_test.c queue)

# The parts that programs are made of, compiled once more for their tests.
function(relevo_test_of source)
  cmake_parse_arguments(T "" "" "SOURCES;LIBS" ${ARGN})
  relevo_test(${source} ${T_LIBS})
  string(REGEX REPLACE "\\.c$" "" name ${source})
  string(REPLACE "/" "." name ${name})
  foreach(part IN LISTS T_SOURCES)
    target_sources(test_${name} PRIVATE ${CMAKE_SOURCE_DIR}/${part})
  endforeach()
endfunction()

relevo_test_of(pickup/submission_test.c SOURCES pickup/submission.c LIBS queue text)
relevo_test_of(pickup/drop_check_test.c SOURCES pickup/drop_check.c LIBS queue)
relevo_test_of(pickup/maildrop_copy_test.c SOURCES pickup/maildrop_copy.c pickup/drop_check.c LIBS queue)
relevo_test_of(tools/queue_report_test.c SOURCES tools/postqueue/report.c LIBS queue text)
relevo_test_of(tools/queue_dump_test.c SOURCES tools/postcat/dump.c LIBS queue)

relevo_fuzz(listing.c queue)
relevo_fuzz(submission.c queue text)
target_sources(fuzz_submission PRIVATE ${CMAKE_SOURCE_DIR}/pickup/submission.c ${CMAKE_SOURCE_DIR}/pickup/drop_check.c)
