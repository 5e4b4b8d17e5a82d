# System-call filters are compiled here, at build time, so that a daemon needs no library for them.
find_library(SECCOMP seccomp REQUIRED)
add_executable(sandbox_gen ${CMAKE_CURRENT_SOURCE_DIR}/sandbox/gen.c)
relevo_headers(sandbox_gen PRIVATE os)
target_link_libraries(sandbox_gen PRIVATE ${SECCOMP})
# It runs on the build host; sanitizers would only report what it leaves to exit.
target_compile_options(sandbox_gen PRIVATE -fno-sanitize=all)
target_link_options(sandbox_gen PRIVATE -fno-sanitize=all)

set(lists ${CMAKE_CURRENT_SOURCE_DIR}/sandbox)
set(filters ${CMAKE_CURRENT_BINARY_DIR}/sandbox_filters.h)
add_custom_command(
  OUTPUT ${filters}
  COMMAND sandbox_gen service_filter ${lists}/base.list > ${filters}
  COMMAND sandbox_gen queue_filter ${lists}/base.list ${lists}/queue.list >> ${filters}
  COMMAND sandbox_gen network_filter ${lists}/base.list ${lists}/network.list >> ${filters}
  COMMAND sandbox_gen named_filter ${lists}/base.list ${lists}/network.list ${lists}/named.list >> ${filters}
  COMMAND sandbox_gen tables_filter ${lists}/base.list ${lists}/queue.list ${lists}/network.list
          ${lists}/named.list ${lists}/tables.list >> ${filters}
  COMMAND sandbox_gen store_filter ${lists}/base.list ${lists}/queue.list ${lists}/network.list
          ${lists}/named.list ${lists}/tables.list ${lists}/store.list >> ${filters}
  COMMAND sandbox_gen commands_filter ${lists}/commands.list >> ${filters}
  DEPENDS sandbox_gen ${lists}/base.list ${lists}/queue.list ${lists}/network.list
          ${lists}/named.list ${lists}/tables.list ${lists}/store.list ${lists}/commands.list
  VERBATIM)
target_sources(relevo_os PRIVATE ${filters} ${CMAKE_CURRENT_SOURCE_DIR}/sandbox/landlock.c)
target_include_directories(relevo_os PRIVATE ${CMAKE_CURRENT_BINARY_DIR})
