# The one program that is linked with libcurl; without that library there is none.
find_library(CURL_LIBRARY curl)
find_path(CURL_HEADERS curl/curl.h)
if(CURL_LIBRARY AND CURL_HEADERS)
  relevo_daemon(webfetch webfetch/webfetch.c webfetch/http.c LIBS service ipc dns)
  target_link_libraries(webfetch PRIVATE ${CURL_LIBRARY})
else()
  message(STATUS "libcurl4-openssl-dev is not installed: access tokens are not refreshed, and MTA-STS policies not fetched")
endif()
