# What `cmake --install` and ./dev deb put on a machine: the command, libahoy with its headers, and their manuals. The library exports
# nothing but what include/ahoy declares.
set(objects)
foreach(room base sys crypto net sip sdp stun rtp audio ice media ua store api server)
    if(TARGET ahoy_${room})
        get_target_property(type ahoy_${room} TYPE)
        if(type STREQUAL "STATIC_LIBRARY")
            list(APPEND objects $<TARGET_OBJECTS:ahoy_${room}>)
        endif()
    endif()
endforeach()

add_library(libahoy SHARED ${objects})
target_link_libraries(libahoy PRIVATE PkgConfig::UV PkgConfig::CARES PkgConfig::CRYPTO ahoy_opus
    PkgConfig::SPEEXDSP PkgConfig::INIH Threads::Threads m ${CMAKE_DL_LIBS})
target_link_options(libahoy PRIVATE -Wl,--exclude-libs,libopus.a) # whose functions are not ours to export
if(AHOY_MIC STREQUAL "webrtc")
    target_link_libraries(libahoy PRIVATE PkgConfig::WEBRTC_AP)
    set_target_properties(libahoy PROPERTIES LINKER_LANGUAGE CXX)
endif()
set_target_properties(libahoy PROPERTIES OUTPUT_NAME ahoy VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})

string(REGEX REPLACE "[^/]+" ".." AHOY_PC_UP "${CMAKE_INSTALL_LIBDIR}/pkgconfig") # so that what is installed may be moved
configure_file(${PROJECT_SOURCE_DIR}/packaging/ahoy.pc.in ${CMAKE_BINARY_DIR}/ahoy.pc @ONLY)
install(TARGETS libahoy LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/ahoy DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(FILES ${CMAKE_BINARY_DIR}/ahoy.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

set(CPACK_PACKAGE_NAME ahoy)
set(CPACK_PACKAGE_VENDOR "the Ahoy authors")
set(CPACK_PACKAGE_CONTACT "the Ahoy authors <ahoy@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "SIP telephone: command, library and a small exchange")
set(CPACK_GENERATOR DEB)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SECTION comm)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "libpulse0, libasound2, libsndfile1, libsqlite3-0")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "librnnoise0")
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
include(CPack)
