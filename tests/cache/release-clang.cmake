# cmake -C tests/cache/release-clang.cmake -B build/release-clang -G Ninja: the other compiler
set(CMAKE_C_COMPILER clang CACHE STRING "")
set(CMAKE_BUILD_TYPE Release CACHE STRING "")
