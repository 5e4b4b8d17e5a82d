# The whole suite, installed in namespaces of its own.  Exit status 77: this machine does not allow that.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
foreach(name IN ITEMS course two_hosts takeover kill bad_queue_files confinement command_attack delivery_attack intruder_attack smtp_attack doors
        crash_at_syscall crowd flow recovery junk_names no_room growth bad_configuration chroot hostile_dns hostile_talk)
  add_test(NAME system.${name}
    COMMAND Python3::Interpreter ${CMAKE_SOURCE_DIR}/tests/system/${name}_test.py ${CMAKE_BINARY_DIR})
  set_tests_properties(system.${name} PROPERTIES LABELS system TIMEOUT 600 SKIP_RETURN_CODE 77)
endforeach()
foreach(other IN ITEMS system.master system.postfix system.crash.cleanup)
  if(TEST ${other})
    set_tests_properties(${other} PROPERTIES LABELS system)
  endif()
endforeach()
