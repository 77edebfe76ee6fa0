# The man page, and completions made by the command itself.
install(FILES ${PROJECT_SOURCE_DIR}/packaging/ahoy.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
if(NOT CMAKE_CROSSCOMPILING)
    set(completions ${CMAKE_BINARY_DIR}/completions)
    add_custom_command(TARGET ahoy POST_BUILD VERBATIM
        COMMAND ${CMAKE_COMMAND} -E make_directory ${completions}
        COMMAND sh -c "for s in bash zsh fish; do \"$1\" completion $s >\"$2/ahoy.$s\" || exit 1; done" sh $<TARGET_FILE:ahoy>
            ${completions})
    install(FILES ${completions}/ahoy.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME ahoy)
    install(FILES ${completions}/ahoy.zsh DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions RENAME _ahoy)
    install(FILES ${completions}/ahoy.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()
