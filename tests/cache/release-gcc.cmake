# cmake -C tests/cache/release-gcc.cmake -B build/release -G Ninja: numbers, everything built
set(CMAKE_C_COMPILER gcc CACHE STRING "")
set(CMAKE_CXX_COMPILER g++ CACHE STRING "")
set(CMAKE_BUILD_TYPE Release CACHE STRING "")
set(PTLIB_BENCH ON CACHE BOOL "")
set(PTLIB_FUZZERS ON CACHE BOOL "")
