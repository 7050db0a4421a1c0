# dpucc_add_model(TARGET XMODEL FILE ARCH FILE [NET_NAME NAME] [OUTPUT_DIR DIR])
#
# Compiles a quantized model for the board of ARCH; TARGET stands for the compiled file, and its
# property DPUCC_FILE is where it is. It is built again when the model, the arch file or the
# dpucc.json of its workspace changes; what the cache has costs no compile.
find_program(DPUCC_CLIENT dpucc-client REQUIRED)

function(dpucc_add_model target)
  cmake_parse_arguments(PARSE_ARGV 1 MODEL "" "XMODEL;ARCH;NET_NAME;OUTPUT_DIR" "")
  foreach(argument XMODEL ARCH)
    if(NOT MODEL_${argument})
      message(FATAL_ERROR "dpucc_add_model(${target}): ${argument} is missing")
    endif()
  endforeach()
  if(NOT MODEL_NET_NAME)
    get_filename_component(MODEL_NET_NAME "${MODEL_XMODEL}" NAME_WE)
    string(REGEX REPLACE "_int$" "" MODEL_NET_NAME "${MODEL_NET_NAME}")
  endif()
  if(NOT MODEL_OUTPUT_DIR)
    set(MODEL_OUTPUT_DIR "${CMAKE_CURRENT_BINARY_DIR}/${target}")
  endif()
  get_filename_component(xmodel "${MODEL_XMODEL}" ABSOLUTE)
  get_filename_component(arch "${MODEL_ARCH}" ABSOLUTE)
  set(file "${MODEL_OUTPUT_DIR}/${MODEL_NET_NAME}.xmodel")

  add_custom_command(
    OUTPUT "${file}"
    COMMAND "${DPUCC_CLIENT}" build "${xmodel}" --arch "${arch}" --output_dir "${MODEL_OUTPUT_DIR}"
            --net_name "${MODEL_NET_NAME}" --depfile "${file}.d"
    COMMAND "${CMAKE_COMMAND}" -E touch "${file}"
    DEPENDS "${xmodel}" "${arch}"
    DEPFILE "${file}.d"
    COMMENT "DPU model ${MODEL_NET_NAME}"
    VERBATIM)
  add_custom_target(${target} DEPENDS "${file}")
  set_target_properties(${target} PROPERTIES DPUCC_FILE "${file}")
endfunction()
