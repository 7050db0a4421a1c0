# dpucc_embed(OUTPUT name.c FILES a.css b.js): at build time, a source file with the files as
# strings: a.css is `const char asset_a_css[]`. Run as a script (cmake -P) this does the work.
if(CMAKE_SCRIPT_MODE_FILE)
  set(text "/* made by cmake/DpuccEmbed.cmake */\n")
  foreach(file ${DPUCC_EMBED_FILES})
    get_filename_component(name ${file} NAME)
    string(MAKE_C_IDENTIFIER ${name} name)
    file(READ ${file} bytes HEX)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
    string(REGEX REPLACE "((0x..,){16})" "\\1\n" bytes "${bytes}")
    string(APPEND text
      "extern const char asset_${name}[];\nconst char asset_${name}[] = {\n${bytes}0};\n")
  endforeach()
  file(WRITE ${DPUCC_EMBED_OUTPUT} "${text}")
  return()
endif()

set(DPUCC_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})
function(dpucc_embed)
  cmake_parse_arguments(arg "" "OUTPUT" "FILES" ${ARGN})
  list(TRANSFORM arg_FILES PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  add_custom_command(
    OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${arg_OUTPUT}
    COMMAND ${CMAKE_COMMAND} "-DDPUCC_EMBED_FILES=${arg_FILES}"
            "-DDPUCC_EMBED_OUTPUT=${CMAKE_CURRENT_BINARY_DIR}/${arg_OUTPUT}"
            -P ${DPUCC_EMBED_SCRIPT}
    DEPENDS ${arg_FILES} ${DPUCC_EMBED_SCRIPT}
    VERBATIM)
endfunction()
