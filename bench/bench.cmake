# Benchmarks, each beside the systems it is measured against. A peer that is not installed is left out of the build, and the
# program says so when it runs.
pkg_check_modules(OSIP2 IMPORTED_TARGET libosip2)
pkg_check_modules(LIBRE IMPORTED_TARGET libre)

# ahoy_bench(name sources... LIBS libraries...): the program ahoy-bench-<name>.
function(ahoy_bench name)
    cmake_parse_arguments(arg "" "" "LIBS" ${ARGN})
    list(TRANSFORM arg_UNPARSED_ARGUMENTS PREPEND ${PROJECT_SOURCE_DIR}/bench/)
    add_executable(ahoy-bench-${name} ${arg_UNPARSED_ARGUMENTS})
    target_link_libraries(ahoy-bench-${name} PRIVATE ${arg_LIBS})
    target_include_directories(ahoy-bench-${name} PRIVATE ${PROJECT_SOURCE_DIR}/bench)
endfunction()

# Parsing SIP: ours, libosip2, libre. Their headers know neither -Wconversion nor -Wundef.
ahoy_bench(parse parse.c parse_messages.c LIBS ahoy_sip)
if(OSIP2_FOUND)
    target_sources(ahoy-bench-parse PRIVATE ${PROJECT_SOURCE_DIR}/bench/parse_osip.c)
    target_link_libraries(ahoy-bench-parse PRIVATE PkgConfig::OSIP2)
    target_compile_definitions(ahoy-bench-parse PRIVATE BENCH_OSIP)
endif()
if(LIBRE_FOUND)
    target_sources(ahoy-bench-parse PRIVATE ${PROJECT_SOURCE_DIR}/bench/parse_re.c)
    target_link_libraries(ahoy-bench-parse PRIVATE PkgConfig::LIBRE)
    target_compile_definitions(ahoy-bench-parse PRIVATE BENCH_RE)
    set_source_files_properties(${PROJECT_SOURCE_DIR}/bench/parse_re.c PROPERTIES COMPILE_OPTIONS "-Wno-undef;-Wno-conversion")
endif()
