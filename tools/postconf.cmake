find_package(OpenSSL REQUIRED COMPONENTS Crypto)
file(GLOB postconf_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/postconf/*.c)
relevo_tool(postconf ${postconf_sources} LIBS conf table bounce)
target_link_libraries(postconf PRIVATE OpenSSL::Crypto)
