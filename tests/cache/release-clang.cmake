# cmake -C tests/cache/release-clang.cmake -B build/shared -G Ninja: the other compiler, libptlib.so
set(CMAKE_C_COMPILER clang CACHE STRING "")
set(CMAKE_BUILD_TYPE Release CACHE STRING "")
set(BUILD_SHARED_LIBS ON CACHE BOOL "")
