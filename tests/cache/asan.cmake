# cmake -C tests/cache/asan.cmake -B build/asan -G Ninja: memory errors, undefined behaviour, fuzzing
set(CMAKE_C_COMPILER clang CACHE STRING "")
set(CMAKE_BUILD_TYPE Debug CACHE STRING "") # the library's own checks stay on
set(CMAKE_C_FLAGS_DEBUG "-O1 -gline-tables-only" CACHE STRING "")
# Programs of 50M, a hundred of them: lld links them in a third of the time, without the relocations
# that those which may be loaded anywhere have for every edge of the fuzzers' coverage.
set(CMAKE_EXE_LINKER_FLAGS "-fuse-ld=lld -no-pie" CACHE STRING "")
set(PTLIB_SANITIZE address,undefined CACHE STRING "")
set(PTLIB_FUZZERS ON CACHE BOOL "")
