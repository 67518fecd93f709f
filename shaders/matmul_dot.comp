#version 450
/* matmul by the packed dot-product instructions of VK_KHR_shader_integer_dot_product. */
#extension GL_EXT_integer_dot_product : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_GOOGLE_include_directive : require
#define INT_DOT
#include "matmul_tile.glsl"
