# Warnings, sanitizers and what release means. C17 without extensions; POSIX and Linux names by feature macro.
add_library(ahoy_options INTERFACE)
target_compile_definitions(ahoy_options INTERFACE _GNU_SOURCE AHOY_VERSION="${PROJECT_VERSION}")
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
    target_compile_definitions(ahoy_options INTERFACE AHOY_RT_TRAP) # base/rt.h
endif()
target_compile_options(ahoy_options INTERFACE
    -Wall -Wextra -Wconversion -Wshadow -Wvla -Wpointer-arith -Wundef -Werror=return-type -fno-common -fstack-protector-strong
    $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes;-Wmissing-prototypes>
    $<$<COMPILE_LANGUAGE:C>:-Werror=implicit-function-declaration;-Werror=incompatible-pointer-types>)
target_include_directories(ahoy_options INTERFACE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)

if(AHOY_SANITIZE STREQUAL "address")
    target_compile_options(ahoy_options INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
    target_link_options(ahoy_options INTERFACE -fsanitize=address,undefined)
elseif(AHOY_SANITIZE STREQUAL "thread")
    target_compile_options(ahoy_options INTERFACE -fsanitize=thread -fno-omit-frame-pointer)
    target_link_options(ahoy_options INTERFACE -fsanitize=thread)
endif()

find_program(CCACHE ccache)
if(CCACHE)
    set(CMAKE_C_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_NOHASHDIR=1 CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} ${CCACHE})
endif()
