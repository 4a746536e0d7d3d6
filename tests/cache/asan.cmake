# cmake -C tests/cache/asan.cmake -B build/asan -G Ninja: memory errors, undefined behaviour, fuzzing
set(CMAKE_C_COMPILER clang CACHE STRING "")
set(CMAKE_BUILD_TYPE Debug CACHE STRING "") # the library's own checks stay on
set(CMAKE_C_FLAGS_DEBUG "-O1 -gline-tables-only" CACHE STRING "")
set(PTLIB_SANITIZE address,undefined CACHE STRING "")
set(PTLIB_FUZZERS ON CACHE BOOL "")
