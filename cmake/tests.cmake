# tests/unit/test_<x>.c     one program each, no device needed   ctest: unit.<x>
# tests/kernels/*.c         together kernel_tests                ctest: kernels.<part>: every pipeline
#                           of the product; kernels.cases: all cases, of three formats of which the
#                           others differ in how a block is read; kernels.masks; quick.kernels
# tests/model/test_<x>.c    one program each                     ctest: model.<x>
# tests/fuzz/fuzz_<x>.c     libFuzzer targets, with HEKLA_FUZZ
# A test that exits with 77 was skipped and says why.
enable_testing()

if(HEKLA_FUZZ)
    file(GLOB files CONFIGURE_DEPENDS tests/fuzz/fuzz_*.c)
    foreach(file ${files})
        cmake_path(GET file STEM name)
        hekla_executable(${name} ${file})
        target_link_libraries(${name} PRIVATE PkgConfig::JANSSON)
        target_link_options(${name} PRIVATE -fsanitize=fuzzer)
        target_compile_definitions(${name} PRIVATE HEKLA_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    endforeach()
    return()
endif()

pkg_check_modules(CMOCKA IMPORTED_TARGET cmocka)
if(NOT CMOCKA_FOUND)
    message(STATUS "Tests: libcmocka-dev is missing, so none are built (tools/test installs it)")
    return()
endif()

# A test of a program; more arguments: the program's
function(hekla_test test program)
    add_test(NAME ${test} COMMAND ${program} ${ARGN})
    # The last: what the validation layers print, where tools/test turns them on.
    # Verdicts of the kernels' self-test are kept beside the build: one test pays for all.
    set_tests_properties(${test} PROPERTIES ENVIRONMENT "XDG_CACHE_HOME=${CMAKE_BINARY_DIR}/cache"
        SKIP_RETURN_CODE 77 FAIL_REGULAR_EXPRESSION
        "Validation (Error|Warning)|VUID-|SYNC-HAZARD|UNASSIGNED-")
endfunction()

function(hekla_test_program program)
    hekla_executable(${program} ${ARGN})
    target_link_libraries(${program} PRIVATE PkgConfig::CMOCKA PkgConfig::JANSSON)
    target_compile_definitions(${program} PRIVATE
        HEKLA_SOURCE_DIR="${CMAKE_SOURCE_DIR}" HEKLA_BINARY="${CMAKE_BINARY_DIR}/hekla")
    if(TARGET hekla_cli)
        add_dependencies(${program} hekla_cli) # model tests also run the program
    endif()
    if(TARGET mkmodel)
        add_dependencies(${program} mkmodel)
    endif()
endfunction()

foreach(kind unit model)
    file(GLOB files CONFIGURE_DEPENDS tests/${kind}/test_*.c)
    foreach(file ${files})
        cmake_path(GET file STEM name)
        string(REGEX REPLACE "^test_" "" short ${name})
        hekla_test_program(${kind}_${short} ${file})
        hekla_test(${kind}.${short} ${kind}_${short})
    endforeach()
endforeach()
file(GLOB files CONFIGURE_DEPENDS tests/kernels/*.c)
if(files)
    hekla_test_program(kernel_tests ${files})
    foreach(part 1 2 3 4)
        hekla_test(kernels.${part} kernel_tests --quick --part ${part}/4)
    endforeach()
    hekla_test(kernels.cases kernel_tests --few)
    hekla_test(kernels.masks kernel_tests --masks --quick)
    hekla_test(quick.kernels kernel_tests --quick --few)
endif()

# The longest first, so that none is left to run alone at the end.
if(files)
    set_tests_properties(kernels.cases PROPERTIES COST 300)
    set_tests_properties(kernels.1 kernels.2 kernels.3 kernels.4 PROPERTIES COST 100)
endif()
set_tests_properties(model.bits model.archs PROPERTIES COST 200)
set_tests_properties(model.golden model.latent model.arch_files PROPERTIES COST 50)

# That the benchmarks run; their numbers are not looked at.
set(tiny ${CMAKE_SOURCE_DIR}/models/hekla-tiny-q8_0.gguf)
hekla_test(bench.kernels kernel_bench --csv --seconds 0 rmsnorm)
hekla_test(bench.model model_bench -m ${tiny} -p 4 -n 2 -d 0,100 -r 2)
hekla_test(bench.grammar grammar_bench -n 4 -r 1)
hekla_test(bench.host host_bench -n 4 --layers 5 ${tiny})

# A layer that makes drivers fail, see the file; where it lies is what VK_LAYER_PATH gets.
add_library(hekla_fault MODULE tests/layer/fault.c)
target_compile_options(hekla_fault PRIVATE ${warnings} -fvisibility=hidden)
target_include_directories(hekla_fault PRIVATE src)
target_include_directories(hekla_fault SYSTEM PRIVATE ${VULKAN_INCLUDE})
set_target_properties(hekla_fault PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/layer)
configure_file(tests/layer/fault.json.in layer/fault.json COPYONLY)
if(TARGET model_faults)
    add_dependencies(model_faults hekla_fault)
    target_compile_definitions(model_faults PRIVATE HEKLA_LAYERS="${CMAKE_BINARY_DIR}/layer")
endif()

# Shows that the validation layers would report a hazard
hekla_executable(layer_canary tests/style/canary.c)
