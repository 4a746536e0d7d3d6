# SPDX-License-Identifier: MIT
# Installs the build in BUILD under WORK, moves it (a package must be relocatable), and builds and
# runs the consumer in this directory against it: by find_package, then by pkg-config. If there is
# a C++ compiler CXX, a consumer in that language too, to which the headers say nothing.
cmake_minimum_required(VERSION 3.24)
function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --config "${CONFIG}" --prefix ${WORK}/installed)
file(RENAME ${WORK}/installed ${WORK}/moved)

run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${WORK}/find_package -G ${GENERATOR}
    -DCMAKE_C_COMPILER=${CC} -DCMAKE_BUILD_TYPE=${CONFIG} -DCMAKE_PREFIX_PATH=${WORK}/moved)
run(${CMAKE_COMMAND} --build ${WORK}/find_package --config "${CONFIG}")
find_program(consumer consumer PATHS ${WORK}/find_package ${WORK}/find_package/${CONFIG}
             NO_DEFAULT_PATH REQUIRED)
run(${consumer})

set(ENV{PKG_CONFIG_PATH} ${WORK}/moved/${LIBDIR}/pkgconfig)
set(static --static)
if(SHARED)
  set(static "")
  set(ENV{LD_LIBRARY_PATH} ${WORK}/moved/${LIBDIR})
endif()
execute_process(COMMAND ${PKG_CONFIG} ${static} --cflags --libs libptlib
  OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE
  COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(flags UNIX_COMMAND "${flags}")
run(${CC} -o ${WORK}/pkg_config ${CMAKE_CURRENT_LIST_DIR}/main.c ${flags})
run(${WORK}/pkg_config)

if(CXX)
  run(${CXX} -std=c++11 -Wall -Wextra -Wshadow -Wpedantic -Werror -o ${WORK}/cxx
      ${CMAKE_CURRENT_LIST_DIR}/main.cc ${flags})
  run(${WORK}/cxx)
endif()
