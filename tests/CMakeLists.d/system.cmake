# The whole suite, installed in namespaces of its own.  Exit status 77: this machine does not allow that.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
# Those that attack look for faults that sanitizers see; CI plays them on that build too.
set(attacks course bad_queue_files bad_configuration command_attack delivery_attack intruder_attack smtp_attack doors hostile_talk)
set(patience 600)
if(RELEVO_SANITIZE)
  set(patience 1800)
endif()
math(EXPR own_patience "${patience} - 30") # so that a test that hangs can still show the log
foreach(name IN ITEMS ${attacks} two_hosts takeover kill confinement crash_at_syscall crowd flow recovery junk_names no_room growth chroot instances hostile_dns auth login tls template policy network_tables databases proxy_filter verify postscreen milter guides submit crash_submit)
  add_test(NAME system.${name}
    COMMAND Python3::Interpreter ${CMAKE_SOURCE_DIR}/tests/system/${name}_test.py ${CMAKE_BINARY_DIR})
  set_tests_properties(system.${name} PROPERTIES LABELS system TIMEOUT ${patience} SKIP_RETURN_CODE 77
    ENVIRONMENT TEST_SECONDS=${own_patience})
endforeach()
if(RELEVO_SANITIZE)
  foreach(name IN LISTS attacks)
    set_property(TEST system.${name} PROPERTY LABELS attack)
  endforeach()
endif()
set_tests_properties(system.bad_configuration system.command_attack system.delivery_attack PROPERTIES COST 200)
foreach(other IN ITEMS system.master system.postfix system.crash.cleanup)
  if(TEST ${other})
    set_tests_properties(${other} PROPERTIES LABELS system)
  endif()
endforeach()
