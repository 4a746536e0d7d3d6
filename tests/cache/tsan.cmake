# cmake -C tests/cache/tsan.cmake -B build/tsan -G Ninja: data races
set(CMAKE_C_COMPILER clang CACHE STRING "")
set(CMAKE_BUILD_TYPE Debug CACHE STRING "") # the library's own checks stay on
set(CMAKE_C_FLAGS_DEBUG "-O1 -gline-tables-only" CACHE STRING "")
set(CMAKE_EXE_LINKER_FLAGS "-fuse-ld=lld" CACHE STRING "")
set(PTLIB_SANITIZE thread CACHE STRING "")
