# The one program that is linked with libsasl2; without that library there is none.
find_library(SASL2 sasl2)
find_path(SASL2_HEADERS sasl/sasl.h)
if(SASL2 AND SASL2_HEADERS)
  relevo_daemon(cyrus cyrus/cyrus.c cyrus/library.c LIBS service ipc sasl)
  target_link_libraries(cyrus PRIVATE ${SASL2})
else()
  message(STATUS "libsasl2-dev is not installed: smtpd_sasl_type = cyrus will not work")
endif()
