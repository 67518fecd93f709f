# The default model as read-only data of the library: hekla_builtin_model up to
# hekla_builtin_model_end, on a 64-byte boundary so that it can be used in place like a mapped file.
set(model ${CMAKE_SOURCE_DIR}/models/hekla-tiny-q8_0.gguf)
set(HEKLA_BUILTIN_MODEL ${CMAKE_BINARY_DIR}/gen/builtin_model.S)
file(CONFIGURE OUTPUT ${HEKLA_BUILTIN_MODEL} @ONLY CONTENT
"    .section .rodata
    .balign 64
    .global hekla_builtin_model
    .global hekla_builtin_model_end
hekla_builtin_model:
    .incbin \"@model@\"
hekla_builtin_model_end:
    .byte 0
    .section .note.GNU-stack,\"\",%progbits
")
set_source_files_properties(${HEKLA_BUILTIN_MODEL} PROPERTIES OBJECT_DEPENDS ${model})
