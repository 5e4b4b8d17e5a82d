# Warnings are errors with gcc and clang; releases are hardened; RELEVO_SANITIZE=ON adds ASan and UBSan.
option(RELEVO_SANITIZE "Build with AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
option(RELEVO_FUZZ "Build the fuzz targets with libFuzzer (clang only)" OFF)

add_compile_options(
  -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
  -Wpointer-arith -Wcast-qual -Wwrite-strings -Wformat=2 -Wvla -Wundef -Wimplicit-fallthrough
  -fno-strict-aliasing -fno-common)
add_compile_definitions(_GNU_SOURCE)

if(RELEVO_SANITIZE OR RELEVO_FUZZ)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g -O1)
  add_link_options(-fsanitize=address,undefined)
  if(RELEVO_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
  endif()
else()
  set(CMAKE_C_FLAGS_RELEASE "-O2 -g")
  add_compile_options(-fstack-protector-strong -fstack-clash-protection -fcf-protection -ffunction-sections -fdata-sections)
  if(CMAKE_BUILD_TYPE STREQUAL "Release")
    add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
  endif()
  add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack -Wl,--gc-sections -Wl,--as-needed)
endif()
