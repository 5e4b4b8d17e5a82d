relevo_test(lib/table/table_test.c table)
relevo_test(lib/table/rules_test.c table)
relevo_test(lib/table/list_test.c table)
relevo_test(lib/table/match_test.c table)
relevo_test(lib/table/cost_test.c table)
relevo_test(lib/table/source_test.c table)
relevo_test(lib/table/map_writer_test.c table)
relevo_test(lib/text/netaddr_test.c text)
relevo_test(lib/text/casefold_test.c text)
relevo_fuzz(table_source.c table)
relevo_fuzz(table_rules.c table)
relevo_fuzz(netaddr.c text)

find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME tools.postmap
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/tools/postmap_test.py $<TARGET_FILE:postmap>
          $<TARGET_FILE:postalias>)
add_test(NAME services.proxymap
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/services/proxymap_test.py $<TARGET_FILE:proxymap>
          $<TARGET_FILE:postmap>)
relevo_test(lib/table/proxy_test.c table)
relevo_test(lib/table/tcp_wire_test.c table)
relevo_test(lib/table/socketmap_wire_test.c table)
relevo_fuzz(tcp_wire.c table)
relevo_test(lib/table/key_format_test.c table)
relevo_test(lib/table/memcache_wire_test.c table)
relevo_test(lib/table/dynamicmaps_test.c table)
relevo_test(lib/table/plugins/hosts_test.c query)
relevo_test(lib/table/plugins/query_test.c query)
add_test(NAME tools.plugins
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/tools/plugins_test.py $<TARGET_FILE_DIR:postmap>
          $<TARGET_FILE_DIR:postfix-sqlite>)
