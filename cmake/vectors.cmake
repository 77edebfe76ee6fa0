# Sums, peaks, conversions and filters over samples become vector instructions at -O3 only, and rounding one instruction where
# nobody asks errno. Both leave every result as it is.
#
# The canceller's loops over bins become vector instructions at -O3 only, and when a root or a minimum need not tell of errors:
# what comes in are samples, so nothing there is infinite or not a number. Not for aec.c and aec_shape.c, whose convolutions
# -O2 makes twice as fast.
if(CMAKE_BUILD_TYPE STREQUAL "Release")
    target_compile_options(ahoy_audio PRIVATE -fno-math-errno)
    foreach(name agc mic mix wav wav_file)
        if(EXISTS ${PROJECT_SOURCE_DIR}/src/audio/${name}.c)
            set_property(SOURCE ${PROJECT_SOURCE_DIR}/src/audio/${name}.c APPEND PROPERTY COMPILE_OPTIONS -O3)
        endif()
    endforeach()
    foreach(name band delay far fft filter fit jump noise suppress)
        set_property(SOURCE ${PROJECT_SOURCE_DIR}/src/audio/aec_${name}.c APPEND PROPERTY COMPILE_OPTIONS
            -O3 -fno-math-errno -fno-trapping-math -ffinite-math-only -fno-signed-zeros)
    endforeach()
endif()
