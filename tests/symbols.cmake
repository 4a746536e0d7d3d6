# SPDX-License-Identifier: MIT
# cmake -DNM=<nm> -DLIBRARY=<file> -P symbols.cmake: fails if the library defines a global name
# that could meet a user's. A shared library shows pt_ and nothing else; in an archive hidden names
# still take part in the link, so they carry ptl_.
cmake_minimum_required(VERSION 3.24)
if(LIBRARY MATCHES "\\.a$")
  set(options -g)
  set(allowed "^ptl?_")
else()
  set(options -g -D)
  set(allowed "^pt_|^(_init|_fini|_edata|_end|__bss_start)$")
endif()

execute_process(COMMAND ${NM} -P --defined-only ${options} ${LIBRARY}
  OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n]+" lines "${text}")
set(nr_names 0)
foreach(line IN LISTS lines)
  if(NOT line MATCHES "^([^ ]+) [A-Za-z] ")
    continue() # the name of an archive member
  endif()
  set(name ${CMAKE_MATCH_1})
  math(EXPR nr_names "${nr_names} + 1")
  if(NOT name MATCHES "${allowed}")
    message(SEND_ERROR "${LIBRARY} exports ${name}")
  endif()
endforeach()
if(nr_names EQUAL 0)
  message(FATAL_ERROR "${LIBRARY} exports nothing")
endif()
message(STATUS "${nr_names} names looked at")
