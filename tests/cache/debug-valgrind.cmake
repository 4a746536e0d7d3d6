# cmake -C tests/cache/debug-valgrind.cmake -B build/valgrind -G Ninja: undefined values, leaks
set(CMAKE_C_COMPILER gcc CACHE STRING "")
set(CMAKE_BUILD_TYPE Debug CACHE STRING "") # the library's own checks stay on
set(CMAKE_C_FLAGS_DEBUG "-Og -g1" CACHE STRING "")
set(PTLIB_FUZZERS ON CACHE BOOL "")
set(PTLIB_TEST_VALGRIND ON CACHE BOOL "")
