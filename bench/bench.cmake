# Benchmarks, each beside the systems it is measured against. A peer that is not installed is left out of the build, and the
# program says so when it runs.
pkg_check_modules(OSIP2 IMPORTED_TARGET libosip2)
pkg_check_modules(LIBRE IMPORTED_TARGET libre)

# What they have in common; their files are swept as the tests' are.
add_library(ahoy_bench_tool STATIC ${PROJECT_SOURCE_DIR}/bench/tool.c ${PROJECT_SOURCE_DIR}/tests/support/temp.c)
target_link_libraries(ahoy_bench_tool PUBLIC ahoy_base)
target_include_directories(ahoy_bench_tool PUBLIC ${PROJECT_SOURCE_DIR}/bench ${PROJECT_SOURCE_DIR}/tests)

# ahoy_bench(name sources... LIBS libraries...): the program ahoy-bench-<name>.
function(ahoy_bench name)
    cmake_parse_arguments(arg "" "" "LIBS" ${ARGN})
    list(TRANSFORM arg_UNPARSED_ARGUMENTS PREPEND ${PROJECT_SOURCE_DIR}/bench/)
    add_executable(ahoy-bench-${name} ${arg_UNPARSED_ARGUMENTS})
    target_link_libraries(ahoy-bench-${name} PRIVATE ${arg_LIBS} ahoy_bench_tool)
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

# Signalling under load; its peers (Kamailio, SIPp) are programs, looked for when it runs.
if(TARGET ahoy_server)
    ahoy_bench(signalling signalling.c signalling_server.c signalling_load.c signalling_peers.c LIBS ahoy_server)
endif()

# Echo cancellation on synthetic rooms: ours, speexdsp, webrtc-audio-processing (which an own chain has not linked).
ahoy_bench(echo echo/main.c echo/scene.c echo/speech.c echo/score_echo.c echo/cancellers.c LIBS ahoy_audio)
if(CMAKE_CXX_COMPILER)
    if(AHOY_MIC STREQUAL "own")
        add_library(ahoy-bench-webrtc STATIC)
        ahoy_mic_webrtc(ahoy-bench-webrtc)
        target_link_libraries(ahoy-bench-webrtc PUBLIC ahoy_base)
    else()
        add_library(ahoy-bench-webrtc INTERFACE) # ahoy_audio has it
    endif()
    target_sources(ahoy-bench-echo PRIVATE ${PROJECT_SOURCE_DIR}/bench/echo/canceller_webrtc.c)
    target_link_libraries(ahoy-bench-echo PRIVATE ahoy-bench-webrtc)
    target_compile_definitions(ahoy-bench-echo PRIVATE BENCH_WEBRTC)
endif()

# Noise reduction: ours, speexdsp's preprocessor, webrtc-audio-processing, RNNoise.
ahoy_bench(noise noise/main.c noise/reducers.c noise/reducer_rnn.c echo/speech.c LIBS ahoy_audio)
set_target_properties(ahoy-bench-noise PROPERTIES BUILD_RPATH ${PROJECT_SOURCE_DIR}/build/deps/rnnoise) # tools/get-rnnoise
if(TARGET ahoy-bench-webrtc)
    target_sources(ahoy-bench-noise PRIVATE ${PROJECT_SOURCE_DIR}/bench/noise/reducer_webrtc.c)
    target_link_libraries(ahoy-bench-noise PRIVATE ahoy-bench-webrtc)
    target_compile_definitions(ahoy-bench-noise PRIVATE BENCH_WEBRTC)
endif()

# A phone's start, idleness and calls: ours beside baresip and linphonec, all as programs.
if(TARGET ahoy)
    ahoy_bench(phone phone.c phone_process.c phone_cost.c phone_speech.c sound/prompts.c signalling_peers.c LIBS ahoy_audio m)
    add_dependencies(ahoy-bench-phone ahoy)
endif()

# Mouth to ear through PulseAudio or PipeWire: ours beside baresip and linphonec.
pkg_check_modules(PULSE_SIMPLE IMPORTED_TARGET libpulse-simple)
if(TARGET ahoy AND PULSE_SIMPLE_FOUND)
    add_library(ahoy_bench_cable STATIC ${PROJECT_SOURCE_DIR}/bench/latency_cable.c
        ${PROJECT_SOURCE_DIR}/tests/support/pulse.c)
    target_link_libraries(ahoy_bench_cable PUBLIC ahoy_bench_tool PkgConfig::PULSE_SIMPLE Threads::Threads)
    ahoy_bench(latency latency.c latency_probe.c phone_process.c phone_cost.c signalling_peers.c LIBS ahoy_audio ahoy_bench_cable m)
    add_dependencies(ahoy-bench-latency ahoy)
endif()

# Sound over bad networks, in virtual time; and with real telephones where PulseAudio's library is.
ahoy_bench(sound sound/main.c sound/conditions.c sound/prompts.c sound/stream.c sound/receivers.c sound/run.c sound/call.c
    sound/capture.c sound/spoken.c sound/report.c sound/plot.c sound/measure.c sound/align.c sound/align_utter.c sound/pq.c LIBS ahoy_media)
if(TARGET ahoy AND PULSE_SIMPLE_FOUND)
    foreach(source sound/peers.c sound/relay.c sound/sip_call.c phone_process.c signalling_peers.c)
        target_sources(ahoy-bench-sound PRIVATE ${PROJECT_SOURCE_DIR}/bench/${source})
    endforeach()
    target_link_libraries(ahoy-bench-sound PRIVATE ahoy_bench_cable)
    target_compile_definitions(ahoy-bench-sound PRIVATE BENCH_PEERS)
    add_dependencies(ahoy-bench-sound ahoy)
endif()

# Whoever changes what they link builds them, and their options are read.
if(AHOY_TESTS)
    foreach(name parse signalling phone latency sound echo noise)
        if(TARGET ahoy-bench-${name})
            add_test(NAME bench/${name}_help COMMAND ahoy-bench-${name} --help)
            add_test(NAME bench/${name}_wrong COMMAND ahoy-bench-${name} --no-such-option)
            set_tests_properties(bench/${name}_help bench/${name}_wrong PROPERTIES LABELS bench)
            set_tests_properties(bench/${name}_wrong PROPERTIES PASS_REGULAR_EXPRESSION "--help tells those there are")
        endif()
    endforeach()
endif()
