# Every library comes through pkg-config. A missing one is named together with the Debian
# package that brings it, all of them at once, so that one apt line mends the machine.

find_package(PkgConfig)
if(NOT PKG_CONFIG_FOUND)
  message(FATAL_ERROR "pkg-config is missing: apt-get install pkg-config (or run scripts/bootstrap)")
endif()

set(dpucc_missing "")

# dpucc_need(PREFIX PKG-CONFIG-SPEC DEBIAN-PACKAGE): defines PkgConfig::PREFIX
macro(dpucc_need prefix spec package)
  pkg_check_modules(${prefix} QUIET IMPORTED_TARGET "${spec}")
  if(NOT ${prefix}_FOUND)
    list(APPEND dpucc_missing ${package})
    message(SEND_ERROR "missing library ${spec}: Debian package ${package}")
  endif()
endmacro()

# dpucc_need_file(FILE DEBIAN-PACKAGE): a header-only library
macro(dpucc_need_file file package)
  find_file(dpucc_file_${package} ${file})
  if(NOT dpucc_file_${package})
    list(APPEND dpucc_missing ${package})
    message(SEND_ERROR "missing header ${file}: Debian package ${package}")
  endif()
endmacro()

# dpucc_need_program(NAME DEBIAN-PACKAGE): sets DPUCC_<NAME>
macro(dpucc_need_program name package)
  string(TOUPPER "${name}" upper)
  string(REPLACE "-" "_" upper "${upper}")
  find_program(DPUCC_${upper} ${name})
  if(NOT DPUCC_${upper})
    list(APPEND dpucc_missing ${package})
    message(SEND_ERROR "missing program ${name}: Debian package ${package}")
  endif()
endmacro()

dpucc_need(uv "libuv>=1.44" libuv1-dev)
dpucc_need(xxhash "libxxhash>=0.8" libxxhash-dev)
dpucc_need(jsonc "json-c>=0.15" libjson-c-dev)
dpucc_need(protobufc "libprotobuf-c>=1.4" libprotobuf-c-dev)
dpucc_need(crypto "libcrypto>=3.0" libssl-dev)
dpucc_need(sqlite "sqlite3>=3.40" libsqlite3-dev)
dpucc_need(systemd "libsystemd>=252" libsystemd-dev)
dpucc_need(curl "libcurl>=7.85" libcurl4-openssl-dev)
dpucc_need(hiredis "hiredis>=0.14" libhiredis-dev)
dpucc_need_file(uthash.h uthash-dev)
dpucc_need_program(protoc-c protobuf-c-compiler)
if(BUILD_TESTING)
  dpucc_need(cmocka "cmocka>=1.1" libcmocka-dev)
  dpucc_need_program(bats bats)
endif()

if(dpucc_missing)
  list(REMOVE_DUPLICATES dpucc_missing)
  list(JOIN dpucc_missing " " dpucc_missing)
  message(FATAL_ERROR "apt-get install ${dpucc_missing}   (or run scripts/bootstrap)")
endif()
