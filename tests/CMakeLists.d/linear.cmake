# Compiled for itself, so that every block of code that it runs is counted (tests/cleanup/linear_test.c).
file(GLOB counted CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/lib/base/*.c ${CMAKE_SOURCE_DIR}/lib/text/*.c
  ${CMAKE_SOURCE_DIR}/lib/rewrite/*.c ${CMAKE_SOURCE_DIR}/cleanup/*.c)
list(REMOVE_ITEM counted ${CMAKE_SOURCE_DIR}/cleanup/main.c)
foreach(source IN ITEMS record record_type record_size writer file bounce_log)
  list(APPEND counted ${CMAKE_SOURCE_DIR}/lib/queue/${source}.c)
endforeach()
list(APPEND counted ${CMAKE_SOURCE_DIR}/pickup/submission.c)
add_library(counted OBJECT ${counted})
target_link_libraries(counted PRIVATE cleanup_core) # for its headers
relevo_headers(counted PRIVATE pickup)
target_compile_options(counted PRIVATE -fsanitize-coverage=trace-pc -O1 -U_FORTIFY_SOURCE)
relevo_test(cleanup/linear_test.c counted cleanup_core)
relevo_headers(test_cleanup.linear_test PRIVATE pickup)
foreach(call IN ITEMS memcpy memmove memcmp memchr)
  target_link_options(test_cleanup.linear_test PRIVATE -Wl,--wrap=${call})
endforeach()
set_tests_properties(cleanup.linear_test PROPERTIES LABELS system) # half a minute
