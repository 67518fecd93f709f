# One SPIR-V module per kernel variant. The rows are read from src/kernels/kernels.def and
# src/quant/quants.def, the same files the C compiler reads: there is no second list.
#
#   KERNEL(name, axis, need, ...)   shaders/<name>.comp; axis ONE, KV, KV_FLOAT: one module, QUANT: one per row of
#                                   quants.def, QUANT_INT: one per row of class INT
#   QUANT(name, class, ...)         shaders/quant/<name>.glsl, class INT or FLOAT
#
# A kernel of axis QUANT says #include "quant.glsl" and gets its type's file through the include
# path (glslc expands no macros in #include), with CLASS_INT or CLASS_FLOAT defined. The result is gen/spirv_table.inc for
# src/kernels/kernels.c, which declares struct spirv {kernel, quant, words, bytes}.
set(gen ${CMAKE_BINARY_DIR}/gen)
set(kernels_def ${CMAKE_SOURCE_DIR}/src/kernels/kernels.def)
set(quants_def ${CMAKE_SOURCE_DIR}/src/quant/quants.def)
set(shader_outputs "")
set(shader_table "")
set(shader_arrays "")
set(shader_count 0)
set(shaders_left_out "")

# Language extensions that an older glslc lacks. A row with such a need is then left out; the
# program finds no variant and takes the baseline one.
set(need_NEED_INT_DOT GL_EXT_integer_dot_product)
set(need_NEED_COOPMAT GL_KHR_cooperative_matrix)
set(need_NEED_HALF GL_KHR_cooperative_matrix)

function(probe_extension need extension)
    set(probe ${gen}/probe_${extension}.comp)
    file(CONFIGURE OUTPUT ${probe} CONTENT
        "#version 460\n#extension ${extension} : require\nlayout(local_size_x = 1) in;\nvoid main() {}\n")
    execute_process(COMMAND ${GLSLC} --target-env=vulkan1.2 -o ${gen}/probe.spv ${probe}
        RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
    if(failed)
        set(has_${need} FALSE PARENT_SCOPE)
    else()
        set(has_${need} TRUE PARENT_SCOPE)
    endif()
endfunction()

function(read_rows out file word)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    set(rows "")
    if(EXISTS ${file})
        file(STRINGS ${file} lines REGEX "^${word}\\(")
        foreach(line ${lines})
            string(REGEX REPLACE ";.*" "" line "${line}") # in a comment; it would split the list
            list(APPEND rows "${line}")
        endforeach()
    endif()
    set(${out} "${rows}" PARENT_SCOPE)
endfunction()

macro(add_spirv name quant)
    if("${quant}" STREQUAL "")
        set(symbol ${name})
        set(index -1)
        set(include "")
    else()
        set(symbol ${name}_${quant})
        set(index QT_${quant})
        set(include -I${gen}/quant/${quant})
    endif()
    if(HEKLA_MODULES)
        set(output ${HEKLA_MODULES}/gen/${symbol}.inc)
    else()
        set(output ${gen}/${symbol}.inc)
        add_custom_command(OUTPUT ${output}
            COMMAND ${GLSLC} -O --target-env=vulkan1.2 -mfmt=c -MD -MF ${output}.d ${include}
                -I${CMAKE_SOURCE_DIR}/shaders ${CMAKE_SOURCE_DIR}/shaders/${name}.comp -o ${output}
            DEPENDS ${CMAKE_SOURCE_DIR}/shaders/${name}.comp ${GLSLC} DEPFILE ${output}.d
            COMMENT "glslc ${symbol}" VERBATIM)
    endif()
    list(APPEND shader_outputs ${output})
    string(APPEND shader_arrays
        "static const uint32_t spv_${symbol}[] =\n#include \"${output}\"\n    ;\n")
    string(APPEND shader_table
        "    {K_${name}, ${index}, spv_${symbol}, sizeof(spv_${symbol})},\n")
    math(EXPR shader_count "${shader_count} + 1")
endmacro()

foreach(need NEED_INT_DOT NEED_COOPMAT NEED_HALF)
    probe_extension(${need} ${need_${need}})
endforeach()

read_rows(quant_rows ${quants_def} QUANT)
set(quants_all "")
set(quants_int "")
foreach(row ${quant_rows})
    string(REGEX REPLACE "[ )]" "" fields "${row}")
    string(REGEX REPLACE "^QUANT\\(" "" fields "${fields}")
    string(REPLACE "," ";" fields "${fields}")
    list(LENGTH fields n_fields)
    list(POP_FRONT fields name class)
    if(NOT n_fields EQUAL 11 OR NOT name MATCHES "^[a-z0-9_]+$" OR NOT class MATCHES "^(INT|FLOAT)$")
        message(FATAL_ERROR "quants.def: expected QUANT(name, INT or FLOAT, 9 more): ${row}")
    endif()
    list(SUBLIST fields 4 4 planes)
    list(POP_FRONT planes u4 word half super)
    list(APPEND quants_all ${name})
    if(class STREQUAL INT)
        list(APPEND quants_int ${name})
    endif()
    file(CONFIGURE OUTPUT ${gen}/quant/${name}/name.glsl CONTENT "#define QUANT_${name}\n")
    file(CONFIGURE OUTPUT ${gen}/quant/${name}/quant.glsl CONTENT
"#define CLASS_${class}
#define W_U4 ${u4}
#define W_WORD ${word}
#define W_HALF ${half}
#define W_SUPER ${super}
#include \"planes.glsl\"
#include \"quant/${name}.glsl\"
")
endforeach()

read_rows(kernel_rows ${kernels_def} KERNEL)
foreach(row ${kernel_rows})
    if(NOT row MATCHES "^KERNEL\\( *([a-z0-9_]+) *, *(ONE|QUANT_INT|QUANT|KV_FLOAT|KV) *, *([^,)]+)")
        message(FATAL_ERROR
            "kernels.def: expected KERNEL(name, axis, need, ...): ${row}")
    endif()
    set(name ${CMAKE_MATCH_1})
    set(axis ${CMAKE_MATCH_2})
    string(REGEX MATCHALL "NEED_[A-Z0-9_]+" needs "${CMAKE_MATCH_3}")
    set(missing "")
    foreach(need ${needs})
        if(DEFINED has_${need} AND NOT has_${need})
            list(APPEND missing ${need_${need}})
        endif()
    endforeach()
    if(axis MATCHES "^(KV|KV_FLOAT)$")
        set(axis ONE)
    endif()
    if(axis STREQUAL ONE)
        set(variants "-")
    elseif(axis STREQUAL QUANT)
        set(variants ${quants_all})
    else()
        set(variants ${quants_int})
    endif()
    if(missing)
        string(REPLACE ";" ", " missing "${missing}")
        string(REPLACE ";" " " variants "${variants}")
        if(axis STREQUAL ONE)
            list(APPEND shaders_left_out "${name} (${missing})")
        else()
            list(APPEND shaders_left_out "${name}: ${variants} (${missing})")
        endif()
        continue()
    endif()
    foreach(variant ${variants})
        string(REPLACE "-" "" variant "${variant}")
        add_spirv(${name} "${variant}")
    endforeach()
endforeach()

execute_process(COMMAND ${GLSLC} --version OUTPUT_VARIABLE glslc_version)
string(REGEX MATCH "[^\n]+" glslc_version "${glslc_version}")
message(STATUS "Shaders: ${shader_count} modules with ${glslc_version} (${GLSLC})")
foreach(line ${shaders_left_out})
    message(STATUS "Shaders: this glslc is too old for ${line}; left out")
endforeach()

# The row counts let kernels.c check with _Static_assert that CMake saw the rows the compiler sees.
list(LENGTH kernel_rows kernel_count)
list(LENGTH quant_rows quant_count)
if(shader_count EQUAL 0)
    set(shader_table "    {-1, -1, 0, 0},\n") # C17 has no empty array
endif()
file(CONFIGURE OUTPUT ${gen}/spirv_table.inc @ONLY CONTENT
"/* Made by cmake/shaders.cmake from kernels.def and quants.def. */
${shader_arrays}
#define SPIRV_COUNT ${shader_count}
#define SPIRV_KERNEL_ROWS ${kernel_count}
#define SPIRV_QUANT_ROWS ${quant_count}
static const struct spirv spirv_table[] = {
${shader_table}};
")
# Modules of rows that are gone would otherwise still be looked at by check_spirv.sh.
string(REPLACE ";" "\n" list "${shader_outputs}")
file(CONFIGURE OUTPUT ${gen}/spirv_files.txt CONTENT "${list}\n" @ONLY)
set_source_files_properties(${CMAKE_SOURCE_DIR}/src/kernels/kernels.c PROPERTIES
    OBJECT_DEPENDS "${shader_outputs};${gen}/spirv_table.inc")
add_custom_target(shaders DEPENDS ${shader_outputs})
