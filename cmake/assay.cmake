# What every room shares: the warnings, the floating-point rules and the sanitizers. A room links only what design allows; scripts/check_layers checks the includes too.
add_library(assay_options INTERFACE)
target_compile_options(assay_options INTERFACE -Wall -Wextra -Wconversion -Wshadow -Wswitch -Werror
                       -ffp-contract=off)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(assay_options INTERFACE -Wno-restrict -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)  # false alarms of g++ 12 in std::string operator+
endif()
target_include_directories(assay_options INTERFACE ${CMAKE_SOURCE_DIR})
if(ASSAY_SANITIZE)
  target_compile_options(assay_options INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(assay_options INTERFACE -Wno-maybe-uninitialized)  # g++ warns falsely under sanitizers, and says so
  endif()
  target_link_options(assay_options INTERFACE -fsanitize=address,undefined)
endif()

# assay_precompile(TARGET headers...): where ASSAY_PRECOMPILE says so.
function(assay_precompile target)
  if(ASSAY_PRECOMPILE)
    target_precompile_headers(${target} PRIVATE ${ARGN})
  endif()
endfunction()

# assay_unity(TARGET sources at a time): where ASSAY_UNITY says so.
function(assay_unity target batch)
  if(ASSAY_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${batch})
    # g++ takes every file that another one includes for a header, whose types must not hold those of an anonymous namespace.
    target_compile_options(${target} PRIVATE $<$<AND:$<CXX_COMPILER_ID:GNU>,$<COMPILE_LANGUAGE:CXX>>:-Wno-subobject-linkage>)
  endif()
endfunction()

# assay_room(NAME rooms and libraries it may know): a static library of all sources below the current folder.
function(assay_room name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  add_library(assay_${name} STATIC ${sources})
  target_link_libraries(assay_${name} PUBLIC assay_options PRIVATE ${ARGN})
  assay_precompile(assay_${name} <algorithm> <functional> <optional> <string> <variant> <vector>)
endfunction()
